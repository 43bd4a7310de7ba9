"""The Lambda functions, and what they are told."""

import base64
import gzip
import json
from pathlib import Path

from tests.plan.environment import INGESTION, PROCESSOR, variables
from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT


def test_every_package_is_a_zip_and_every_zip_is_used(environment: Plan) -> None:
    functions = [function.values for function in environment.resources("aws_lambda_function")]
    packages = {Path(function["filename"]).stem for function in functions}
    assert packages == {file.stem for file in (PROJECT / "build").glob("*.zip")}
    assert all(function["handler"] == f"{Path(function['filename']).stem}.handler.handle" for function in functions)


def test_every_function_logs_json_to_a_group_that_is_kept_for_a_time(environment: Plan) -> None:
    retention = {
        group.values["name"]: group.values["retention_in_days"]
        for group in environment.resources("aws_cloudwatch_log_group")
    }
    for function in environment.resources("aws_lambda_function"):
        (logging,) = function.values["logging_config"]
        assert logging["log_format"] == "JSON"
        assert retention[logging["log_group"]] > 0


def test_every_function_and_the_api_are_traced(environment: Plan) -> None:
    assert all(
        function.values["tracing_config"] == [{"mode": "Active"}]
        for function in environment.resources("aws_lambda_function")
    )
    assert environment.one("aws_api_gateway_stage")["xray_tracing_enabled"]


def test_the_authorizer_and_each_lane_are_told_the_same_scheme(environment: Plan) -> None:
    (authorizer,) = environment.resources("aws_lambda_function", module=INGESTION)
    told = json.loads(gzip.decompress(base64.b64decode(variables(authorizer.values)["SOURCES"])))
    lanes = environment.by_source("aws_lambda_function", module=PROCESSOR)
    assert {key: source["scheme"] for key, source in told.items()} == {
        key: json.loads(variables(lane)["SCHEME"]) for key, lane in lanes.items()
    }


def test_a_lane_is_told_the_name_of_its_own_secret(environment: Plan) -> None:
    (authorizer,) = environment.resources("aws_lambda_function", module=INGESTION)
    prefix = variables(authorizer.values)["SECRET_PREFIX"]
    secrets = {key: secret["name"] for key, secret in environment.by_source("aws_secretsmanager_secret").items()}
    for key, lane in environment.by_source("aws_lambda_function", module=PROCESSOR).items():
        assert variables(lane)["SECRET_NAME"] == secrets[key] == f"{prefix}{key}"
