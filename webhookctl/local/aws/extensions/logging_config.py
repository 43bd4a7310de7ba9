"""Lambda keeps a function's logging configuration.

AWS Lambda API Reference, CreateFunction and FunctionConfiguration: `LoggingConfig` is returned as it was set, by
default `{"LogFormat": "Text", "LogGroup": "/aws/lambda/{function name}"}`. moto drops it, and the applied state says
nothing about it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.awslambda.models import LambdaFunction

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Store LoggingConfig with each function created while the block runs, and return it."""
    init = LambdaFunction.__init__
    get_configuration = LambdaFunction.get_configuration

    def init_with_logging(
        self: Any, account_id: str, spec: dict[str, Any], region: str, version: int | str = 1
    ) -> None:
        init(self, account_id, spec, region, version)
        defaults = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}
        self.logging_config = defaults | (spec.get("LoggingConfig") or {})

    def get_configuration_with_logging(self: Any, on_create: bool = False) -> dict[str, Any]:
        return get_configuration(self, on_create) | {"LoggingConfig": self.logging_config}

    with ExitStack() as patches:
        patches.enter_context(patched(LambdaFunction, "__init__", init_with_logging))
        patches.enter_context(patched(LambdaFunction, "get_configuration", get_configuration_with_logging))
        yield
