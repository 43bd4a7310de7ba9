"""The part of Velocity on which airspeed and Apache Velocity 1.7 agree.

Everything is refused unless it is listed, because the two differ in ways that no error shows: `#if` on an empty string,
numbers and booleans in comparisons, backslashes and dollars in literals, white space before #set, loops, macros. The
kinds of elements are listed where they are compiled, their uses here.
"""

import re
from collections.abc import Iterator
from typing import Any

import airspeed

from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.vtl import Template, elements

ROOTS = frozenset(("input", "util", "context", "stageVariables"))
METHODS = frozenset(
    (
        *("params", "path", "json"),
        *("urlEncode", "urlDecode", "base64Encode", "base64Decode", "escapeJavaScript", "parseJson"),
        *("get", "containsKey", "startsWith", "contains", "matches", "replaceAll", "length"),
    )
)
TESTS = frozenset(("containsKey", "startsWith", "contains", "matches"))
COMPARISONS = frozenset(("==", "!="))
APOSTROPHES_PUT_BACK = r"""("\\'", "'")"""
"""The arguments that API Gateway documents for `replaceAll` behind `$util.escapeJavaScript`. No others are taken."""

# Velocity eats blanks in front of #set, takes `#endx` for a macro, and swallows line ends of \r\n in places of its own.
_TEXTUAL = re.compile(r"\r|[ \t]#\{?set\b|#(?:end|else(?!if\b))\w")
# So many of these characters: a pattern that means the same in Java and Python.
_COMMON_PATTERN = re.compile(r"\[[A-Za-z0-9_.:@/+=,-]+\]\{[0-9]+,[0-9]+\}")
_AMBIGUOUS_LITERAL = re.compile(r"(?:true|false|null|[-+]?[\d.]+)?", re.IGNORECASE)


def check_subset(template: Template) -> None:
    """Raise TemplateError for the first construct that the two engines may render differently."""
    tree = list(_unproven(template.root))
    assigned = {each.terms[0] for each in tree if isinstance(each, airspeed.SetDirective)}
    for element in tree:
        if problem := _problem(element, assigned):
            raise TemplateError(
                f"{template.where}: {problem} (at {element.my_text()[:60]!r}), on which airspeed and Velocity differ"
            )
    if found := _TEXTUAL.search(template.text):
        raise TemplateError(f"{template.where}: {found[0]!r}, on which airspeed and Velocity differ")


def _unproven(root: Any) -> Iterator[Any]:
    """All elements but the arguments of a `replaceAll` that puts apostrophes back, whose backslashes mean one thing."""
    tree = list(elements(root))
    proven = {
        id(below)
        for each in tree
        if isinstance(each, airspeed.ParameterList) and each.my_text() == APOSTROPHES_PUT_BACK
        for below in elements(each)
    }
    return (each for each in tree if id(each) not in proven)


def _problem(element: Any, assigned: set[str]) -> str | None:
    check = _CHECKS.get(type(element).__name__)
    return check(element, assigned) if check else None


def _text(element: Any, _assigned: set[str]) -> str | None:
    return "a backslash, dollar or hash in text" if set("\\$#") & set(element.my_text()) else None


def _literal(element: Any, _assigned: set[str]) -> str | None:
    return "a backslash in a literal" if "\\" in element.my_text() else None


def _reference(element: Any, assigned: set[str]) -> str | None:
    root = element.expression.part.name
    return None if root in ROOTS | assigned else f"the undefined name ${root}"


def _name(element: Any, _assigned: set[str]) -> str | None:
    if element.parameters is None:
        return None
    if element.name == "matches" and not _is_common_pattern(element.parameters):
        return "a pattern that is not a class of characters with its least and greatest number"
    if element.name == "replaceAll" and element.parameters.my_text() != APOSTROPHES_PUT_BACK:
        return f"a replaceAll other than {APOSTROPHES_PUT_BACK}"
    return None if element.name in METHODS else f"the method {element.name}"


def _is_common_pattern(parameters: Any) -> bool:
    given = [value.expression for value in getattr(parameters.values, "values", ())]
    literals = [each for each in given if isinstance(each, airspeed.StringLiteral)]
    return len(given) == len(literals) == 1 and bool(_COMMON_PATTERN.fullmatch(literals[0].value))


def _set(element: Any, _assigned: set[str]) -> str | None:
    if len(element.terms) > 1 and element.terms[:2] != ["context", "responseOverride"]:
        return "an assignment to a property"
    if len(element.value.expression) > 1:
        return "an expression in #set"
    value = element.value.expression[0].expression
    return None if isinstance(value, _ASSIGNABLE) else "a value in #set that is no text, reference or integer"


def _operator(element: Any, _assigned: set[str]) -> str | None:
    known = element.my_text().strip() in COMPARISONS | {"&&", "||"}
    return None if known else "an operator other than ==, !=, && and ||"


def _condition(element: Any, _assigned: set[str]) -> str | None:
    terms = _expression(element).expression
    operators = [each.my_text().strip() for each in terms[1::2]]
    position = 0
    while position < len(terms):
        compares = position // 2 < len(operators) and operators[position // 2] in COMPARISONS
        sides = terms[position : position + 3 : 2] if compares else terms[position : position + 1]
        if not (_is_comparison(sides) if compares else _is_test(sides[0])):
            return "a condition that is not a comparison with a text, or one of the tests " + ", ".join(sorted(TESTS))
        position += 4 if compares else 2
    return None


def _expression(condition: Any) -> Any:
    return condition.calculate.__self__


def _is_comparison(sides: list[Any]) -> bool:
    """One side is a text that is not the print of a number or boolean.

    Numbers compare differently. Empty needs a text to face.
    """
    literals = [side.expression for side in sides if isinstance(side.expression, airspeed.StringLiteral)]
    plain = [each for each in literals if not _AMBIGUOUS_LITERAL.fullmatch(each.value)]
    return bool(plain) or len(literals) == 2


def _is_test(value: Any) -> bool:
    operand = value.expression
    if isinstance(operand, airspeed.UnaryOperatorValue):
        return operand.my_text().startswith("!") and _is_test(operand.value)
    if isinstance(operand, airspeed.ParenthesizedExpression):
        return not _condition(operand, set())
    if not isinstance(operand, airspeed.FormalReference):
        return False
    last = operand.expression
    while last.subexpression is not None:
        last = last.subexpression.expression
    return last.part.parameters is not None and last.part.name in TESTS


_ASSIGNABLE = (airspeed.StringLiteral, airspeed.FormalReference, airspeed.IntegerLiteral)
_CHECKS = {
    "Text": _text,
    "StringLiteral": _literal,
    "InterpolatedStringLiteral": _literal,
    "FormalReference": _reference,
    "NameOrCall": _name,
    "SetDirective": _set,
    "BinaryOperator": _operator,
    "Condition": _condition,
}
