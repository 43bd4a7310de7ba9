"""IAM policies as API Gateway evaluates them: an API's resource policy, and what an authorizer returns.

IAM User Guide, "Policy evaluation logic": an explicit Deny wins, then an explicit Allow, otherwise nothing is said. Two
phases with an authorizer: API Gateway Developer Guide, "How API Gateway resource policies affect authorization
workflow".
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any

from webhookctl.local import quick_json

INVOKE = "execute-api:Invoke"
SOURCE_IP = "aws:sourceip"
_STATEMENT_KEYS = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class MalformedPolicy(ValueError):
    """The document is not a policy, or uses an element that is not evaluated here."""


class Verdict(Enum):
    """What a policy says about one request."""

    ALLOW = "allow"
    DENY = "deny"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """A condition on the caller's address: inside one of the networks, or outside all of them."""

    networks: tuple[Network, ...]
    inside: bool

    def holds(self, source_ip: str) -> bool:
        """Whether the condition holds for a caller at this address."""
        address = _address(source_ip)
        found = any(address.version == network.version and address in network for network in self.networks)
        return found is self.inside


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `invoking`: its actions are about that; resources are patterns with `*` and `?`."""

    allows: bool
    invoking: bool
    resources: tuple[str, ...]
    conditions: tuple[SourceAddress, ...] = ()

    def applies(self, arn: str, source_ip: str) -> bool:
        """Whether the statement is about invoking `arn` from this address."""
        return (
            self.invoking
            and any(matches(pattern, arn) for pattern in self.resources)
            and all(condition.holds(source_ip) for condition in self.conditions)
        )


@dataclass(frozen=True)
class Policy:
    """The statements of one policy document."""

    statements: tuple[Statement, ...]

    def verdict(self, arn: str, source_ip: str) -> Verdict:
        """What the policy says about invoking `arn` from this address."""
        return self._remembered(arn, source_ip)

    @cached_property
    def _remembered(self) -> Callable[[str, str], Verdict]:
        return lru_cache(maxsize=1024)(self._verdict)

    def _verdict(self, arn: str, source_ip: str) -> Verdict:
        verdict = Verdict.SILENT
        for statement in self.statements:
            if statement.applies(arn, source_ip):
                if not statement.allows:
                    return Verdict.DENY
                verdict = Verdict.ALLOW
        return verdict


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """One policy's Deny is everybody's; one policy's Allow beside the others' silence is an Allow."""
    seen = set(verdicts)
    if Verdict.DENY in seen:
        return Verdict.DENY
    return Verdict.ALLOW if Verdict.ALLOW in seen else Verdict.SILENT


def parse_policy(document: object, *, execution_arn: str = "", with_principal: bool = False) -> Policy:
    """Read a policy document, JSON text or already decoded. `execution_arn` completes the short form `execute-api:/*`.

    Raises MalformedPolicy for everything that is not a policy or not evaluated here: a condition that was passed over
    in silence would open what it is meant to close.
    """
    text = document if isinstance(document, str) else quick_json.encoded(document)
    return _parsed(text, execution_arn, with_principal)


@lru_cache(maxsize=1024)  # an authorizer answers with the same few again and again
def _parsed(text: str | bytes, execution_arn: str, with_principal: bool) -> Policy:
    try:
        decoded = quick_json.decoded(text)
    except ValueError as error:
        raise MalformedPolicy(f"the policy is not JSON ({error})") from error
    if not isinstance(decoded, Mapping):
        raise MalformedPolicy("a policy is an object")
    statements = decoded.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicy("a policy has at least one statement")
    return Policy(tuple(_statement(each, execution_arn, with_principal=with_principal) for each in statements))


def matches(pattern: str, text: str) -> bool:
    """Match as IAM does: `*` is any run of characters, slashes and colons too, `?` is any one."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _is_invoke(pattern: str) -> bool:
    """Whether a pattern of actions, whose case does not count, fits the one that requests here are about."""
    return re.compile(_compiled(pattern).pattern, re.DOTALL | re.IGNORECASE).fullmatch(INVOKE) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)


@lru_cache(maxsize=1024)
def _address(source_ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(source_ip)


def _statement(value: object, execution_arn: str, *, with_principal: bool) -> Statement:
    if not isinstance(value, Mapping):
        raise MalformedPolicy("a statement is an object")
    if unknown := set(value) - _STATEMENT_KEYS:
        raise MalformedPolicy(f"the statement element {min(unknown)} is not evaluated")
    if value.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy("a statement's Effect is Allow or Deny")
    if with_principal and value.get("Principal") not in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        raise MalformedPolicy("only the Principal * is evaluated, requests here have no AWS identity")
    return Statement(
        allows=value["Effect"] == "Allow",
        invoking=any(_is_invoke(pattern) for pattern in _texts(value.get("Action"), "Action")),
        resources=tuple(_full_arn(each, execution_arn) for each in _texts(value.get("Resource"), "Resource")),
        conditions=tuple(_conditions(value.get("Condition") or {})),
    )


def _full_arn(resource: str, execution_arn: str) -> str:
    short = "execute-api:/"
    return f"{execution_arn}/{resource.removeprefix(short)}" if resource.startswith(short) else resource


def _conditions(value: object) -> Iterable[SourceAddress]:
    if not isinstance(value, Mapping):
        raise MalformedPolicy("a Condition is an object")
    for operator, tests in value.items():
        if operator not in ("IpAddress", "NotIpAddress") or not isinstance(tests, Mapping):
            raise MalformedPolicy(f"the condition operator {operator} is not evaluated")
        for key, networks in tests.items():
            if str(key).lower() != SOURCE_IP:
                raise MalformedPolicy(f"the condition key {key} is not evaluated")
            yield SourceAddress(tuple(map(_network, _texts(networks, str(key)))), inside=operator == "IpAddress")


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise MalformedPolicy(f"{text} is not an address or a network") from error


def _texts(value: Any, name: str) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise MalformedPolicy(f"{name} is text or a list of texts")
    return tuple(texts)
