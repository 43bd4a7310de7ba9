"""A template's elements, as airspeed parses them, made into functions once, which then render every request.

What they give is what airspeed's own evaluation gives, but for references, which are `reference`'s. Both sides of an
operator are evaluated, as airspeed does it: nothing in a template has a side effect but `#set`. An element that is not
known here is a TemplateError: there is no second way to render it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import airspeed

from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.reference import Evaluate, Names, look_up, parts_of, text_of

Write = Callable[[Names], str]

T = TypeVar("T")


def compiled(body: Any) -> Write:
    """What a parsed template's body writes for the names that it sees, to which its `#set` adds."""
    return _block(body.block)


def _block(block: Any) -> Write:
    parts = _merged(_known(_PARTS, element) for element in block.children)
    variable = [(position, part) for position, part in enumerate(parts) if not isinstance(part, str)]
    constant = [part if isinstance(part, str) else "" for part in parts]
    if not variable:
        return _constant("".join(constant))
    if len(parts) == 1:
        return variable[0][1]

    def write(names: Names) -> str:
        texts = constant.copy()
        for position, part in variable:
            texts[position] = part(names)
        return "".join(texts)

    return write


def _merged(parts: Iterable[str | Write]) -> list[str | Write]:
    """The parts, with texts that follow each other made into one."""
    merged: list[str | Write] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def _written(reference: Any) -> Write:
    find = _reference(reference)

    def write(names: Names) -> str:
        value = find(names)
        return value if isinstance(value, str) else text_of(value)

    return write


def _if(directive: Any) -> Write:
    branches = [
        (_expression(each.condition.calculate.__self__), _block(each.block)) for each in (directive, *directive.elseifs)
    ]
    has_else = isinstance(directive.else_block, airspeed.ElseBlock)
    otherwise = _block(directive.else_block.block) if has_else else _constant("")

    def write(names: Names) -> str:
        for condition, block in branches:
            if condition(names):
                return block(names)
        return otherwise(names)

    return write


def _set(directive: Any) -> Write:
    evaluate = _expression(directive.value)
    *owners, name = directive.terms

    def assign(names: Names) -> str:
        value = evaluate(names)
        target: Any = names
        for owner in owners:
            target = target[owner]
        target[name] = value
        return ""

    return assign


def _expression(expression: Any) -> Evaluate:
    """Terms and operators in turn, put together by airspeed's precedence, operators of one precedence from the left."""
    first, *rest = expression.expression
    values = [_value(first)]
    operators: list[Any] = []

    def apply_last() -> None:
        right, left = values.pop(), values.pop()
        values.append(_applied(operators.pop().apply_to, left, right))

    for operator, term in zip(rest[::2], rest[1::2], strict=True):
        while operators and not operator.greater_precedence_than(operators[-1]):
            apply_last()
        operators.append(operator)
        values.append(_value(term))
    while operators:
        apply_last()
    return values[0]


def _applied(operator: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda names: operator(left(names), right(names))


def _value(value: Any) -> Evaluate:
    return _known(_VALUES, value.expression)


def _constant(value: T) -> Callable[[Names], T]:
    return lambda _names: value


def _literal(literal: Any) -> Evaluate:
    return _constant(literal.value)


def _interpolated(literal: Any) -> Evaluate:
    if rest := literal.block.next_text():  # which airspeed leaves out
        raise TemplateError(f"{rest[:60]!r} in a text")
    return _block(literal.block)


def _unary(operand: Any) -> Evaluate:
    operator, evaluate = operand.op, _value(operand.value)
    return lambda names: operator(evaluate(names))


def _reference(reference: Any) -> Evaluate:
    root, *steps = parts_of(reference)
    return look_up(
        root.name,
        [(step.name, None if step.parameters is None else _arguments(step.parameters)) for step in steps],
    )


def _arguments(parameters: Any) -> list[Evaluate]:
    return [_value(each) for each in parameters.values.values]


def _known(table: Mapping[type, Callable[[Any], T]], element: Any) -> T:
    compile_element = table.get(type(element))
    if compile_element is None:
        raise TemplateError(f"a {type(element).__name__} (at {element.my_text()[:60]!r}) is not modelled")
    return compile_element(element)


_PARTS: Mapping[type, Callable[[Any], str | Write]] = {
    airspeed.Text: lambda text: str(text.text),
    airspeed.Comment: lambda _comment: "",
    airspeed.FormalReference: _written,
    airspeed.IfDirective: _if,
    airspeed.SetDirective: _set,
}
_VALUES: Mapping[type, Callable[[Any], Evaluate]] = {
    airspeed.IntegerLiteral: _literal,
    airspeed.StringLiteral: _literal,
    airspeed.InterpolatedStringLiteral: _interpolated,
    airspeed.FormalReference: _reference,
    airspeed.ParenthesizedExpression: lambda value: _expression(value.calculate.__self__),
    airspeed.UnaryOperatorValue: _unary,
}
