import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookctl.local.gateway.policy import MalformedPolicy, Verdict, combined, matches, parse_policy

ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1/v1/POST/webhooks/github"
ANYWHERE = "203.0.113.9"


def statement(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": ARN, **changes}


def verdict(*statements: dict[str, Any], source_ip: str = ANYWHERE) -> Verdict:
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)}).verdict(ARN, source_ip)


def test_an_explicit_deny_wins_over_any_allow() -> None:
    assert verdict(statement(), statement(Effect="Deny"), statement()) is Verdict.DENY


def test_a_policy_about_something_else_says_nothing() -> None:
    assert verdict(statement(Resource=ARN + "/more")) is Verdict.SILENT
    assert verdict(statement(Action="execute-api:ManageConnections")) is Verdict.SILENT


@pytest.mark.parametrize(
    "pattern", ["*", "arn:aws:execute-api:*", ARN.replace("POST", "*"), ARN[:-1] + "?", "*/webhooks/*", ["x", "*"]]
)
def test_wildcards_span_slashes_and_colons(pattern: object) -> None:
    assert verdict(statement(Resource=pattern)) is Verdict.ALLOW


@pytest.mark.parametrize("action", ["*", "execute-api:*", "execute-api:invoke", ["s3:GetObject", "execute-api:Invoke"]])
def test_actions_are_patterns_in_any_case(action: object) -> None:
    assert verdict(statement(Action=action)) is Verdict.ALLOW


@pytest.mark.parametrize(
    ("operator", "networks", "applies"),
    [
        ("IpAddress", "203.0.113.0/24", True),
        ("IpAddress", ["192.0.2.1", "2001:db8::/32"], False),
        ("NotIpAddress", ["192.0.2.0/24"], True),
        ("NotIpAddress", ["192.0.2.0/24", "203.0.113.9/32"], False),
    ],
)
def test_conditions_on_the_callers_address(operator: str, networks: object, applies: bool) -> None:
    deny = statement(Effect="Deny", Condition={operator: {"aws:SourceIp": networks}})
    assert verdict(statement(), deny) is (Verdict.DENY if applies else Verdict.ALLOW)


def test_the_short_form_of_a_resource_is_completed_by_the_apis_own_arn() -> None:
    document = json.dumps({"Statement": statement(Principal="*", Resource="execute-api:/v1/POST/*")})
    policy = parse_policy(document, execution_arn=ARN.partition("/")[0], with_principal=True)
    assert policy.verdict(ARN, ANYWHERE) is Verdict.ALLOW


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        "{",
        [],
        {},
        {"Statement": []},
        {"Statement": "x"},
        {"Statement": ["x"]},
        {"Statement": statement(Effect="allow")},
        {"Statement": statement(Action=[])},
        {"Statement": statement(Resource=None)},
        {"Statement": statement(Resource=[1])},
        {"Statement": statement(NotResource="x")},
        {"Statement": statement(Condition="x")},
        {"Statement": statement(Condition={"StringEquals": {"aws:SourceIp": "192.0.2.1"}})},
        {"Statement": statement(Condition={"IpAddress": {"aws:VpcSourceIp": "192.0.2.1"}})},
        {"Statement": statement(Condition={"IpAddress": {"aws:SourceIp": "300.0.0.1"}})},
    ],
)
def test_what_is_no_policy_or_not_evaluated_is_malformed(document: object) -> None:
    with pytest.raises(MalformedPolicy):
        parse_policy(document)


@pytest.mark.parametrize("principal", [None, {"AWS": "arn:aws:iam::123456789012:root"}, {"Service": "x"}])
def test_a_resource_policy_for_somebody_in_particular_is_not_evaluated(principal: object) -> None:
    with pytest.raises(MalformedPolicy):
        parse_policy({"Statement": statement(Principal=principal)}, with_principal=True)


def test_an_allow_beside_silence_is_an_allow_and_a_deny_is_everybodys() -> None:
    assert combined([Verdict.ALLOW, Verdict.SILENT]) is Verdict.ALLOW
    assert combined([Verdict.ALLOW, Verdict.DENY]) is Verdict.DENY
    assert combined([Verdict.SILENT]) is Verdict.SILENT


@given(st.text())
def test_a_text_matches_itself_and_a_star(text: str) -> None:
    assert matches("*", text)
    assert matches(text + "*", text + "tail")
    assert matches("?" * len(text), text)
    assert not matches("?" * (len(text) + 1), text)
