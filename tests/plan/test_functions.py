"""The Lambda functions, and what they are told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.plan.environment import PROCESSOR, told_sources
from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT, Workspace


def zip_name(function: Mapping[str, Any]) -> str:
    return Path(function["filename"]).stem


def test_every_package_is_a_zip_and_every_zip_is_used(senders: Plan, workspace: Workspace) -> None:
    used = {zip_name(function.values) for function in senders.resources("aws_lambda_function")}
    built = {file.stem for file in (workspace.folder / "build").glob("*.zip")}
    packages = {file.parent.name for file in (PROJECT / "lambdas").glob("*/handler.py")}
    # There may be more, with the packages of lanes' handlers: see test_effects.py.
    assert used == {name for name in built if name.removesuffix("-cryptography") in packages}
    assert {name.removesuffix("-cryptography") for name in used} == packages


def test_a_zips_variant_has_the_handler_of_its_package(environment: Plan) -> None:
    for function in environment.resources("aws_lambda_function"):
        package = zip_name(function.values).removesuffix("-cryptography")
        assert function.values["handler"] == f"{package}.handler.handle"


def test_only_who_verifies_with_a_public_key_runs_with_cryptography(senders: Plan) -> None:
    lanes = senders.by_source("aws_lambda_function", module=PROCESSOR)
    assert {key for key, lane in lanes.items() if zip_name(lane) == "processor-cryptography"} == {"discord"}


def test_every_function_runs_on_what_cryptography_is_compiled_for(environment: Plan) -> None:
    text = (PROJECT / "scripts/build.sh").read_text(encoding="utf-8")
    for function in environment.resources("aws_lambda_function"):
        assert f"\nrelease={function.values['runtime'].removeprefix('python')}\n" in text
        assert function.values["architectures"] == ["arm64"]
    assert '--python-version "$release" ' in text
    assert "_aarch64" in text
    assert "_x86_64" not in text


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


def test_the_authorizer_is_told_the_url_that_the_sender_signs_where_it_is_another(senders: Plan) -> None:
    told = told_sources(senders)
    assert {key for key, source in told.items() if "signed_url" in source} == {"twilio"}
    assert told["twilio"]["signed_url"] == "https://hooks.example.com/twilio?env=dev"
