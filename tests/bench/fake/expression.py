"""DynamoDB's condition expressions and the SET and REMOVE of its update expressions, as far as the variants use them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Item = dict[str, dict[str, Any]]
"""Attribute values with their types, as the API's JSON has them."""

_TOKEN = re.compile(r"\s*([(),]|<>|<=|>=|=|<|>|[#:]?\w+)")
_COMPARATORS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class NotUnderstood(ValueError):
    """An expression with more in it than the variants use."""


@dataclass
class _Reader:
    """Evaluates while it reads: OR binds less than AND, and AND less than NOT."""

    tokens: list[str]
    item: Mapping[str, Any]
    names: Mapping[str, str]
    values: Mapping[str, Any]
    position: int = field(default=0)

    def disjunction(self) -> bool:
        found = self.conjunction()
        while self.takes("OR"):
            found = self.conjunction() or found  # in this order: both sides are to be read
        return found

    def conjunction(self) -> bool:
        found = self.negation()
        while self.takes("AND"):
            found = self.negation() and found
        return found

    def negation(self) -> bool:
        return not self.negation() if self.takes("NOT") else self.primary()

    def primary(self) -> bool:
        if self.takes("("):
            found = self.disjunction()
            self.expect(")")
            return found
        for function in ("attribute_exists", "attribute_not_exists"):
            if self.takes(function):
                self.expect("(")
                there = self.operand() is not None
                self.expect(")")
                return there == (function == "attribute_exists")
        left = self.operand()
        symbol = self.next()
        if symbol not in _COMPARATORS:
            raise NotUnderstood(f"{symbol!r} is no comparator that is known here")
        return _compare(left, symbol, self.operand())

    def operand(self) -> Mapping[str, Any] | None:
        token = self.next()
        if token.startswith(":"):
            value: Mapping[str, Any] = self.values[token]
            return value
        return self.item.get(self.names[token] if token.startswith("#") else token)

    def next(self) -> str:
        if self.position == len(self.tokens):
            raise NotUnderstood("the expression ends too early")
        self.position += 1
        return self.tokens[self.position - 1]

    def takes(self, token: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position] == token:
            self.position += 1
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.takes(token):
            raise NotUnderstood(f"{token!r} is missing")


def holds(expression: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    """Whether the condition is true of the item; an empty item is one that is not there. Raises NotUnderstood."""
    reader = _Reader(_tokens(expression), item, names, values)
    found = reader.disjunction()
    if reader.position != len(reader.tokens):
        raise NotUnderstood(f"{reader.tokens[reader.position]!r} is too much")
    return found


def updated(expression: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> Item:
    """The item after `SET name = :value, ... REMOVE name, ...`. Raises NotUnderstood."""
    changed = dict(item)
    action = ""
    tokens = [token for token in _tokens(expression) if token != ","]
    while tokens:
        token = tokens.pop(0)
        if token in ("SET", "REMOVE"):
            action = token
            continue
        name = names[token] if token.startswith("#") else token
        if action == "REMOVE":
            changed.pop(name, None)
        elif action == "SET" and len(tokens) > 1 and tokens[0] == "=" and tokens[1].startswith(":"):
            changed[name] = values[tokens[1]]
            del tokens[:2]
        else:
            raise NotUnderstood(f"{expression!r} is no update that is known here")
    return changed


def _tokens(expression: str) -> list[str]:
    tokens, position = [], 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotUnderstood(f"{text[position:]!r} is not known here")
        tokens.append(match[1])
        position = match.end()
    return tokens


def _compare(left: Mapping[str, Any] | None, symbol: str, right: Mapping[str, Any] | None) -> bool:
    if left is None or right is None or left.keys() != right.keys():
        return symbol == "<>"
    ((type_, one),) = left.items()
    other = right[type_]
    if type_ == "N":
        one, other = float(one), float(other)
    return bool(_COMPARATORS[symbol](one, other))
