import pytest

from webhookctl.local.gateway import Api, Gateway, Integration, IntegrationResponse, NotModelled, Queue, Route, Stage
from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.subset import check_subset
from webhookctl.local.gateway.template_functions import UTIL
from webhookctl.local.gateway.template_values import Context, Input, Parameters
from webhookctl.local.gateway.vtl import Template


@pytest.mark.parametrize(
    "template",
    [
        "#if($input.body)x#end",  # an empty text is true in Velocity
        "#if($context.a && $context.b == 'x')x#end",
        "#if($context.a == '5')x#end",  # a number equals its print in Velocity
        "#if($context.a == '')x#end",  # null does not equal an empty text
        "#if($context.a == $context.b)x#end",
        "#if($context.a > 5)x#end",
        "#if(!$context.a)x#end",
        "#if($input.body.length())x#end",
        "#foreach($x in $input.path('$.a'))$x#end",
        "#macro(a)x#end",
        "#define($a)x#end",
        "#stop",
        "#evaluate('x')",
        "#include('x')",
        "#set($a = 1 + 1)",
        "#set($a = true)",
        "#set($a = ['x'])",
        "#set($a = {'x': 'y'})",
        "#set($context.other = 'x')",
        "$undefined",
        "${context.a|'alternate'}",
        "$input.body.replaceAll('a', 'b')",
        """$input.body.replaceAll("\\\\'", '"')""",
        """#set($a = "\\\\'")$a""",
        "$input.body.getClass()",
        "$util.none($input.body)",
        "#if($input.body.matches('.*'))x#end",
        "#if($input.body.matches($context.a))x#end",
        '#if($input.body.matches("[a-z$context.a]{1,2}"))x#end',
        "\\$context.a",
        "costs $5",
        "a#set($x = 'a\\n')b",
        " #set($x = 'a')",
        "#if('x' == 'x')a#endb",
        "#if('x' == 'y')a#elseb#end",
        "a\r\nb",
    ],
)
def test_what_airspeed_and_velocity_may_render_differently_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        check_subset(Template(template))


@pytest.mark.parametrize(
    "template",
    ["$input.path('$.a')[0]", "$context['a']", "$input()", "#if('x' == 'x')x", "#end", '#set($a = "x#end")'],
)
def test_what_does_not_parse_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        Template(template)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("#if(\"$!context.none\" != '')x#{else}y#end", "y"),
        ("#if($context.none == 'x' || !$input.body.startsWith('{'))x#else\ny#end", "x"),
        ("#if(($context.a == 'v') && $input.body.contains('b'))x#end", "x"),
        ("#if($input.body.matches('[a-z]{4,4}') && !$input.body.matches('[a-z]{1,3}'))x#end", "x"),
        ("#if($context.none.matches('[a-z]{0,9}'))x#{else}y#end", "y"),
        ("#set($a = $input.body)##\n$a|${a}|$!a", "body|body|body"),
        ("#* a comment *#x", "x"),
        ("""$util.escapeJavaScript("it's").replaceAll("\\\\'", "'")""", "it's"),
    ],
)
def test_what_both_render_alike_is_rendered(template: str, expected: str) -> None:
    parsed = Template(template)
    check_subset(parsed)
    given = Input("body", Parameters({}, {}, {}))
    assert parsed.render({"input": given, "util": UTIL, "context": Context({"a": "v"})}) == expected


def test_a_gateway_does_not_start_with_such_a_template() -> None:
    integration = Integration(Queue("123456789012", "q"), {"application/json": "#stop"}, (IntegrationResponse(200),))
    api = Api("a", "eu-central-1", "123456789012", Stage("v1"), (Route("/hook", "POST", integration),))

    async def unused(*_: object) -> tuple[int, bytes]:
        raise AssertionError

    with pytest.raises(NotModelled, match=r"POST /hook.*StopDirective"):
        Gateway(api, invoke=unused, send=unused, ask=unused)
