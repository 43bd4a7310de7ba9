"""A stage keeps the settings of a method whose resource is nested.

Amazon API Gateway API Reference, UpdateStage: a method setting's path is `/{resource path}/{method}/{group}/{setting}`,
and Stage's `methodSettings` is keyed by `{resource path}/{method}` as it was written. The provider writes the slashes
of a nested resource as they are (`/webhooks/github/POST/throttling/rateLimit`); moto takes the first two parts for
resource and method, drops the setting, and the provider fails with "empty result". The group and setting are the last
two parts, whatever stands before them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.apigateway.models import Stage

from webhookctl.local.aws.extensions.patch import patched

NOT_METHOD_SETTINGS = ("/variables/", "/accessLogSettings/", "/canarySettings/")


@contextmanager
def applied() -> Iterator[None]:
    """Split setting paths from their end while the block runs."""
    apply_operations = Stage.apply_operations

    def apply_with_nested_paths(self: Stage, patch_operations: list[dict[str, Any]]) -> Stage:
        others = [operation for operation in patch_operations if not _is_method_setting(operation)]
        for operation in patch_operations:
            if _is_method_setting(operation):
                method, group, setting = operation["path"].lstrip("/").rsplit("/", 2)
                self._patch_method_setting(method, f"{group}/{setting}", operation["value"])
        return apply_operations(self, others)

    with patched(Stage, "apply_operations", apply_with_nested_paths):
        yield


def _is_method_setting(operation: dict[str, Any]) -> bool:
    path = str(operation["path"])
    return operation["op"] == "replace" and path.count("/") > 3 and not path.startswith(NOT_METHOD_SETTINGS)
