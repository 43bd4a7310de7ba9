"""Templates made into functions render as airspeed's own evaluation of their elements does."""

from typing import Any

import airspeed
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.reference import PRINTED_OTHERWISE, call_method, parts_of, text_of
from webhookctl.local.gateway.subset import check_subset
from webhookctl.local.gateway.template_functions import UTIL
from webhookctl.local.gateway.template_values import Context, Input, Parameters
from webhookctl.local.gateway.vtl import Template, elements

BODY = '{"text":"v","number":7,"list":["x",{"a":"y"}],"none":null,"half":0.5}'
CONTEXT = {"text": "a b&c", "empty": "", "number": 5, "true": True, "map": {"text": "{", "none": None}}
# `$x` is known to be assigned, but null until a template does it.
ASSIGNED = "#if('a' == 'b')\n#set($x = 'never')\n#end"

pieces = ["a", " ", "\n", " \n", "\t\n\n", "{'k':", "}", "é", "## a comment\n", "#* another *#", ".b", "(x)"]
plain = st.lists(st.sampled_from(pieces), min_size=1, max_size=3).map("".join)
# The last ones fail, or are null because of what they are looked up in.
found = st.sampled_from(
    [
        *("x", "x", "x.length()", "context.text", "context.empty", "context.number", "context.true", "context.map"),
        *("context.map.text", "context.map.get('text')", "context.none", "context.none.more.get('a')", "input.body"),
        *("input.path('$.text')", "input.path('$.list').get(1).a", "input.json('$.list')", "input.path('$.half')"),
        *(
            "input.params('h')",
            "input.params().header.get('h')",
            "input.path('$.number').get('a')",
            "context.text.more",
        ),
        *("util.parseJson($input.body).text", "util.urlEncode($context.map)", "util.parseJson($x).text"),
        *("context.number.length()", "input.path('$.list').get(2)", "input.path('$[')", "context.text.startsWith()"),
    ]
)
wrapped = found.map(lambda reference: f"util.urlEncode(${reference})")
written = st.builds("{}{{{}}}".format, st.sampled_from(["$", "$!"]), found | found | wrapped)
interpolated = st.lists(
    st.sampled_from(["status:", " ", "{"]) | written.filter(lambda text: '"' not in text), max_size=3
)
literal = st.sampled_from(["'v'", "'a b&c'", "''", "'{'"]) | interpolated.map(lambda parts: f'"{"".join(parts)}"')
test = st.sampled_from(
    ["$x.startsWith('a')", "$input.body.contains('v')", "$context.map.containsKey('none')", "$x.matches('[a-z]{1,2}')"]
)


def comparison(operator: str, text: str, reference: str, *, text_first: bool) -> str:
    return f"{text} {operator} ${reference}" if text_first else f"${reference} {operator} {text}"


def joined(first: str, rest: list[tuple[str, str]]) -> str:
    return first + "".join(f" {operator} {term}" for operator, term in rest)


compared = st.builds(
    comparison,
    st.sampled_from(["==", "!="]),
    st.sampled_from(["'v'", "'a b&c'", '"$!{x}:"', "'x'"]),
    found,
    text_first=st.booleans(),
) | st.sampled_from(["\"$!x\" != ''", "'x' == \"x\""])
condition = st.recursive(
    compared | test | test.map("!{}".format),
    lambda inner: st.builds(
        joined,
        inner | inner.map("({})".format) | inner.map("!({})".format),
        st.lists(st.tuples(st.sampled_from(["&&", "||"]), inner | inner.map("({})".format)), min_size=1, max_size=3),
    ),
    max_leaves=4,
)
assigned = st.builds("\n#set(${} = {})\n".format, st.just("x"), literal | found.map("${}".format) | st.just("12"))
overridden = st.sampled_from(
    [
        "\n#set($context.responseOverride.status = 413)\n",
        "\n#set($context.responseOverride.header.h = $x)\n",
        "\n#set($context = 'no longer a map')\n",
    ]
)


def conditional(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    elseifs = st.lists(st.builds("#elseif({}){}".format, condition, inner), max_size=2).map("".join)
    otherwise = st.just("") | inner.map("#{{else}}{}".format) | inner.map("#else\n{}".format)
    end = st.sampled_from(["#{end}", "#end\n", "#end \n\n"])
    return st.builds("#if({}){}{}{}{}".format, condition, inner, elseifs, otherwise, end)


templates = st.recursive(
    plain | written | assigned | overridden,
    lambda inner: conditional(inner) | st.lists(inner, min_size=2, max_size=4).map("".join),
    max_leaves=8,
)


def names() -> dict[str, Any]:
    parameters = Parameters({}, {}, {"h": "value"})
    return {"input": Input(BODY, parameters), "util": UTIL, "context": Context(CONTEXT)}


def outcome(text: str | None, seen: dict[str, Any]) -> object:
    override = seen["context"].override
    return None if text is None else (text, override.status, override.header.values)


def rendered(template: Template) -> object:
    seen = names()
    try:
        return outcome(template.render(seen), seen)
    except TemplateError:
        return None


def evaluated(template: Template) -> object:
    """What airspeed makes of it, but for the references, whose parts are looked up one after the other."""
    for element in elements(template.root):
        if isinstance(element, airspeed.FormalReference):
            bind(element)
    seen = names()
    stream = airspeed.StoppableStream()
    try:
        template.root.evaluate(stream, seen, airspeed.NullLoader())
    except airspeed.TemplateError:
        return None
    text = stream.getvalue()
    return outcome(None if PRINTED_OTHERWISE in text else text, seen)


def bind(reference: Any) -> None:
    root, *steps = parts_of(reference)

    def calculate(namespace: Any, loader: Any) -> Any:
        try:
            value = namespace[root.name]
        except KeyError:
            return None
        for step in steps:
            if value is None:
                return None
            if step.parameters is not None:
                value = call_method(value, step.name, *step.parameters.calculate(namespace, loader))
            else:
                value = None if isinstance(value, str | int | float | list) else value[step.name]
        return value

    reference.calculate = calculate
    reference.evaluate = lambda stream, namespace, loader: stream.write(text_of(calculate(namespace, loader)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(templates)
def test_a_template_renders_as_airspeed_evaluates_it_or_fails_as_well(text: str) -> None:
    template = Template(text + "\n" + ASSIGNED)
    check_subset(template)
    assert rendered(template) == evaluated(template)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#if('a' == 'b' && 'a' == 'b' || 'c' == 'c')x#{end}", "x"),
        ("#if('c' == 'c' || 'a' == 'b' && 'a' == 'b')x#{end}", "x"),
        ("#if(('c' == 'c' || 'a' == 'b') && 'a' == 'b')x#{else}y#{end}", "y"),
        ("#if('a' == 'b')x#elseif('a' == 'a')y#elseif('b' == 'b')z#{else}0#{end}", "y"),
    ],
)
def test_and_binds_stronger_than_or_and_the_first_branch_that_holds_is_taken(text: str, expected: str) -> None:
    assert Template(text).render(names()) == expected


def test_the_texts_around_a_comment_are_both_written() -> None:
    assert Template("a## no\nb#* no *#c").render(names()) == "abc"


def test_what_a_branch_assigns_is_seen_behind_it() -> None:
    assert Template("#set($x = 'a')\n#if($x == 'a')\n#set($x = \"$x:b\")\n#end$x").render(names()) == "a:b"


def test_a_rendering_leaves_nothing_for_the_next() -> None:
    template = Template("$!x#set($x = 'v')$x")
    seen = names()
    assert [template.render(seen), template.render(seen)] == ["v", "v"]
    assert seen.keys() == names().keys()


def test_an_element_that_is_not_known_is_refused_wherever_it_is() -> None:
    for text in ("#stop", "#if('a' == 'b')#stop#end", '$util.urlEncode("#stop")', "$util.urlEncode([1])"):
        with pytest.raises(TemplateError, match="not modelled"):
            Template(text)
