"""Which deployment the commands talk to: the local stack, or a directory under envs/ that was applied to AWS."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.scheme import InvalidScheme, Scheme, load
from webhookctl.cache import cache_directory
from webhookctl.failure import Failure, WrongUsage
from webhookctl.local.running import find_running

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

LOCAL = "local"
NOT_RUNNING = "The local stack is not running. Start it with: webhookctl local up"

_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Source:
    """A configured sender. An unsigned one has no secret. `signed_url` is `url` as its sender signs it.

    `effect` is what its lane acts with (handler, postgres, http), and `attempts` how many each event gets. Both are
    None for a lane that only stores, as is all that the outputs of an older apply do not tell.
    """

    name: str
    url: str
    signed_url: str
    scheme: Scheme
    secret_name: str | None
    queue_url: str
    dead_letter_queue_url: str
    effect: str | None = None
    attempts: int | None = None
    postgres_secret_name: str | None = None
    delivery_secret_name: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """A running deployment. `aws_endpoint_url` is set for the local stack alone, which takes any credentials."""

    label: str
    endpoint: str
    region: str
    table_name: str
    sources: Mapping[str, Source]
    aws_endpoint_url: str | None = None
    profile: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether this is the local stack."""
        return self.aws_endpoint_url is not None

    def source(self, name: str) -> Source:
        """The source of that name. Raises WrongUsage with the names there are."""
        if name not in self.sources:
            raise WrongUsage(
                f"There is no source {name!r} in {self.label}; there are {', '.join(sorted(self.sources))}."
            )
        return self.sources[name]

    def dynamodb(self) -> "DynamoDBClient":
        """A client for the table."""
        return self._session().client("dynamodb", endpoint_url=self.aws_endpoint_url, config=_client_config())

    def secrets_manager(self) -> "SecretsManagerClient":
        """A client for the sources' secrets."""
        return self._session().client("secretsmanager", endpoint_url=self.aws_endpoint_url, config=_client_config())

    def sqs(self) -> "SQSClient":
        """A client for the lanes' queues."""
        return self._session().client("sqs", endpoint_url=self.aws_endpoint_url, config=_client_config())

    def _session(self) -> "boto3.Session":
        import boto3

        if self.is_local:
            return boto3.Session(
                aws_access_key_id="local",
                aws_secret_access_key="local",  # noqa: S106 - the local stack takes any
                region_name=self.region,
            )
        return boto3.Session(profile_name=self.profile, region_name=self.region)


def from_outputs(
    outputs: Mapping[str, Any],
    label: str,
    *,
    region: str | None = None,
    profile: str | None = None,
    aws_endpoint_url: str | None = None,
) -> Environment:
    """An environment from the outputs of `envs/*`. Raises Failure when they are not those of this project."""
    try:
        return Environment(
            label=label,
            endpoint=str(outputs["endpoint"]),
            region=region or str(outputs["region"]),
            table_name=str(outputs["table_name"]),
            sources={name: _source(name, source) for name, source in outputs["sources"].items()},
            aws_endpoint_url=aws_endpoint_url,
            profile=profile,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"the output {error}" if isinstance(error, KeyError) else str(error)
        raise Failure(
            f"The outputs of {label} are not those of this version of the project ({what}): apply it again."
        ) from None


def choose_environment(argument: str, *, region: str | None, profile: str | None) -> Environment:
    """The environment that `--env` names: `local`, a directory, or the name of one under envs/."""
    if argument != LOCAL:
        return _applied_environment(argument, region=region, profile=profile)
    if region or profile:
        raise WrongUsage("--profile and --region are for an environment on AWS: name it with --env.")
    return _running_environment()


def _running_environment() -> Environment:
    note = find_running(cache_directory())
    if note is None:
        raise Failure(NOT_RUNNING)
    return from_outputs(note.outputs, "the local stack", region=note.region, aws_endpoint_url=note.aws_endpoint_url)


def _applied_environment(argument: str, *, region: str | None, profile: str | None) -> Environment:
    directory = find_directory(argument)
    return from_outputs(_terraform_outputs(directory, profile), argument, region=region, profile=profile)


def find_directory(argument: str) -> Path:
    """The directory of an environment: itself, or the name of one under envs/. Raises WrongUsage."""
    candidates = [Path(argument), Path("envs") / argument, _PROJECT / "envs" / argument]
    for directory in candidates:
        if directory.is_dir():
            return directory
    known = sorted(path.name for path in (_PROJECT / "envs").glob("*") if path.is_dir())
    names = ", ".join(known) or "none there"
    raise WrongUsage(f"--env {argument!r} is neither 'local', nor a directory, nor one under envs/ ({names}).")


def _terraform_outputs(directory: Path, profile: str | None) -> Mapping[str, Any]:
    text = ask_terraform(directory, ("output", "-json", "-no-color"), "the outputs", profile)
    outputs: dict[str, dict[str, Any]] = json.loads(text)
    if not outputs:
        raise Failure(f"{directory} has no outputs, so it was not applied yet: terraform -chdir={directory} apply")
    return {name: output["value"] for name, output in outputs.items()}


def ask_terraform(directory: Path, arguments: Sequence[str], what: str, profile: str | None) -> str:
    """What Terraform prints of an environment. `what` that is, for the Failure when it can't."""
    command = ["terraform", f"-chdir={directory}", *arguments]
    variables = os.environ | ({"AWS_PROFILE": profile} if profile else {})  # the state is in S3
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise Failure(f"terraform is not on the PATH; it is needed to read {what} of an environment.") from None
    if done.returncode != 0:
        raise Failure(
            f"terraform can't read {what} of {directory}: {_first_error(done.stderr)} "
            f"Is it initialised? terraform -chdir={directory} init"
        )
    return done.stdout


def _first_error(text: str) -> str:
    """Terraform's first error in one line, out of the frame that it draws around it."""
    lines = [line.strip("╷│╵ ") for line in text.splitlines()]
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return (errors or [line for line in lines if line] or ["it gave no reason"])[0].rstrip(".") + "."


def _source(name: str, output: Mapping[str, Any]) -> Source:
    custom = output["custom_scheme_json"]
    try:
        scheme = load(json.loads(custom) if custom else output["scheme"])
    except InvalidScheme as error:
        raise ValueError(f"the scheme of {name}: {error}") from None
    url = str(output["url"])
    # API Gateway takes https alone, so that is how the authorizer reads every URL, the local stack's too.
    signed_url = output.get("signed_url") or url.replace("http://", "https://", 1)
    attempts = output.get("attempts")
    return Source(
        name=name,
        url=url,
        signed_url=signed_url,
        scheme=scheme,
        secret_name=output["secret_name"],
        queue_url=str(output["queue_url"]),
        dead_letter_queue_url=str(output["dead_letter_queue_url"]),
        effect=output.get("effect"),
        attempts=None if attempts is None else int(attempts),
        postgres_secret_name=output.get("postgres_secret_name"),
        delivery_secret_name=output.get("delivery_secret_name"),
    )


def _client_config() -> "Config":
    from botocore.config import Config

    return Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
