"""The part of Velocity on which airspeed and Apache Velocity 1.7 agree.

Everything is refused unless it is listed, because the two differ in ways that no error shows: `#if` on an empty string,
numbers and booleans in comparisons, backslashes and dollars in literals, white space before #set, loops, macros.
"""

import re
from typing import Any

import airspeed

from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.vtl import Template, elements

ROOTS = frozenset(("input", "util", "context", "stageVariables"))
METHODS = frozenset(
    (
        *("params", "path", "json"),
        *("urlEncode", "urlDecode", "base64Encode", "base64Decode", "escapeJavaScript", "parseJson"),
        *("get", "containsKey", "startsWith", "contains", "length"),
    )
)
TESTS = frozenset(("containsKey", "startsWith", "contains"))
COMPARISONS = frozenset(("==", "!="))

# By airspeed's names.
_ALLOWED = frozenset(
    (
        *("TemplateBody", "Block", "Text", "Comment", "FormalReference", "VariableExpression", "SubExpression"),
        *("NameOrCall", "ParameterList", "ValueList", "Value", "StringLiteral", "InterpolatedStringLiteral"),
        *("IntegerLiteral", "IfDirective", "ElseifBlock", "ElseBlock", "End", "Condition", "ParenthesizedExpression"),
        *("Expression", "BinaryOperator", "UnaryOperatorValue", "SetDirective"),
    )
)
# Velocity eats blanks in front of #set, takes `#endx` for a macro, and swallows line ends of \r\n in places of its own.
_TEXTUAL = re.compile(r"\r|[ \t]#\{?set\b|#(?:end|else(?!if\b))\w")
_AMBIGUOUS_LITERAL = re.compile(r"(?:true|false|null|[-+]?[\d.]+)?", re.IGNORECASE)


def check_subset(template: Template) -> None:
    """Raise TemplateError for the first construct that the two engines may render differently."""
    tree = list(elements(template.root))
    assigned = {each.terms[0] for each in tree if isinstance(each, airspeed.SetDirective)}
    for element in tree:
        if problem := _problem(element, assigned):
            raise TemplateError(
                f"{template.where}: {problem} (at {element.my_text()[:60]!r}), on which airspeed and Velocity differ"
            )
    if found := _TEXTUAL.search(template.text):
        raise TemplateError(f"{template.where}: {found[0]!r}, on which airspeed and Velocity differ")


def _problem(element: Any, assigned: set[str]) -> str | None:
    name = type(element).__name__
    if name not in _ALLOWED:
        return f"a {name}"
    check = _CHECKS.get(name)
    return check(element, assigned) if check else None


def _text(element: Any, _assigned: set[str]) -> str | None:
    return "a backslash, dollar or hash in text" if set("\\$#") & set(element.my_text()) else None


def _literal(element: Any, _assigned: set[str]) -> str | None:
    return "a backslash in a literal" if "\\" in element.my_text() else None


def _reference(element: Any, assigned: set[str]) -> str | None:
    if element.expression is None:
        return "a dollar without a name"
    if element.alternate is not None:
        return "an alternate value"
    root = element.expression.part.name
    return None if root in ROOTS | assigned else f"the undefined name ${root}"


def _name(element: Any, _assigned: set[str]) -> str | None:
    if element.index is not None:
        return "an index"
    return f"the method {element.name}" if element.parameters is not None and element.name not in METHODS else None


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
