"""Functions that start from a snapshot: published, and called under the name of what was published last."""

from collections.abc import Mapping
from typing import Any

from tests.plan.environment import AUTHORIZER, HANDSHAKE, PROCESSOR
from tests.plan.plan import Plan

SNAPPED = {
    f'{PROCESSOR}["zoom"].module.function': "webhook-dev-zoom",
    f'{HANDSHAKE}["zoom"]': "webhook-dev-zoom-handshake",
    AUTHORIZER: "webhook-dev-authorizer",
}


def functions(plan: Plan) -> dict[str, Mapping[str, Any]]:
    return {function.module: function.values for function in plan.resources("aws_lambda_function")}


def test_no_function_starts_from_a_snapshot_unless_that_is_asked_for(environment: Plan) -> None:
    assert not environment.resources("aws_lambda_alias")
    assert not environment.resources("aws_lambda_permission", name="authorizer_alias")
    for function in functions(environment).values():
        assert (function["publish"], function["snap_start"]) == (False, [])


def test_a_sources_functions_and_the_authorizer_are_published_with_snapshots_where_that_is_asked_for(
    snapped: Plan,
) -> None:
    published = {module for module, function in functions(snapped).items() if function["publish"]}
    assert published == set(SNAPPED) < set(functions(snapped))
    for module in published:
        (snap_start,) = functions(snapped)[module]["snap_start"]
        assert snap_start["apply_on"] == "PublishedVersions"


def test_what_is_published_has_an_alias(snapped: Plan) -> None:
    aliases = {alias.module: alias.values for alias in snapped.resources("aws_lambda_alias")}
    assert {module: alias["function_name"] for module, alias in aliases.items()} == SNAPPED
    assert {alias["name"] for alias in aliases.values()} == {"live"}


def test_api_gateway_may_call_the_authorizer_under_its_alias_and_until_it_does_without(snapped: Plan) -> None:
    plain, alias = (
        snapped.resources("aws_lambda_permission", name=name) for name in ("authorizer", "authorizer_alias")
    )
    assert [permission.values.get("qualifier") for permission in (*plain, *alias)] == [None, "live"]
