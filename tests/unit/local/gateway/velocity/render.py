"""Make renderings.json anew with Apache Velocity: `python -m tests.unit.local.gateway.velocity.render`.

Needs a JDK and Debian's package `velocity` (1.7), which puts its jars into /usr/share/java.
"""

import base64
import json
import random
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.unit.local.gateway.velocity.case import Case
from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.subset import check_subset
from webhookctl.local.gateway.vtl import Template

HERE = Path(__file__).parent
TEMPLATES = HERE.parents[4] / "modules" / "ingestion" / "templates"
RENDERINGS = HERE / "renderings.json"
JARS = ":".join(
    f"/usr/share/java/{name}.jar" for name in ("velocity", "commons-collections3", "commons-lang", "commons-logging")
)

HOSTILE = (
    "",
    "{}",
    "eyJhIjoxfQ==",
    "a&MessageBody=b&Action=DeleteQueue",
    "100%25 +1 +%2B ~*-._ /?#[]@!$'()*,;=:",
    "\"quoted\" \\ 'single' `back` \\\\' \\' \\",
    "tab\tline\r\nnul\x00 bell\x07 del\x7f",
    "ü ß 漢字 😀 \ufffd \uffff \u2028",
    "$context.requestId ${input.body} $!x #set($a = 1) #if(true)x#end ## comment #* block *# \\$x",
    "</script>",
)
STORED = '{"SendMessageResponse":{"SendMessageResult":{"MessageId":"0a1b-2c"},"ResponseMetadata":{"RequestId":"r"}}}'
ANSWERS = (
    STORED,
    '{"Error":{"Code":"InvalidParameterValue","Message":"One or more parameters are invalid","Type":"Sender"}}',
    '{"Error":{"Code":"InvalidMessageContents","Message":"no","Type":"Sender"},"RequestId":"r"}',
    '{"Error":{"Code":"KmsThrottled","Message":"\\"InvalidParameterValue\\"? no: throttled","Type":"Sender"}}',
)
REPLIES = (
    *(json.dumps({"status": status, "body": '{"id":"JKJa/XmP"}'}) for status in (200, 202, 403, 413, 503)),
    *(json.dumps({"status": status, "body": "{}"}) for status in (199, 201, 500, 2020, -200, "20", "200 ", None)),
    '{"body":"{}"}',
    '{"statusCode":200,"body":"{}"}',
    '{"errorMessage":"200","errorType":"ValueError","requestId":"r","stackTrace":[]}',
)
REQUESTS = ("send_message.vtl", "handshake_request.vtl")
ENDINGS = {"send_message.vtl": "send_fifo.vtl", "handshake_request.vtl": "handshake_fifo.vtl"}
GROUPS = ("message_group.vtl", "message_group_of_body.vtl")
MEMBER = "get('data').get('ticket_id')"
LONGEST = "A" * 128
# Bodies by whose member an order is kept, as JSON.
ORDERED = (
    *(
        json.dumps({"data": {"ticket_id": value}})
        for value in (
            *(text for text in HOSTILE if text),
            LONGEST,
            LONGEST + "A",
            "a.b:c@d/e+f=g,h-i_J",
            "-",
            "a b",
            "a\n",
            "A&B",
            "ü",
            12,
            -7,
            12345678901234567890,
            True,
            False,
            {},
            {"a": "b"},
            [],
            ["a", 1],
            "x" * 200,
        )
    ),
    *(json.dumps({"data": value}) for value in ("text", 1, True, [{"ticket_id": "a"}], [], {"other": 1})),
    json.dumps({"ticket_id": "not there"}),
    "[1]",
    " {}",
    "ticket_id=5",
    "",
)
ITEM = {
    "request_id": {"S": "JKJaXmP_-="},
    "source": {"S": "tickets"},
    "received_at_ms": {"N": "1700000000000"},
    "stored_at_ms": {"N": "1700000000100"},
}
EFFECT = {
    "outcome": {"S": "stored"},
    "effect": {"S": "waiting"},
    "attempts": {"N": "3"},
    "next_attempt_at_ms": {"N": "1700000009000"},
}
FOUND = (
    ITEM | {"outcome": {"S": "duplicate"}, "event_id": {"S": "e"}},
    ITEM | {"outcome": {"S": "quarantined"}, "reason": {"S": "signature_mismatch"}},
    *(ITEM | EFFECT | {name: {"S": text} for name in ("event_id", "last_error", "effect_result")} for text in HOSTILE),
    ITEM
    | EFFECT
    | {"effect": {"S": "done"}, "effect_result": {"S": "http 204"}, "effect_at_ms": {"N": "1700000009000"}},
)
QUERIES = (
    *(json.dumps({"Count": 1, "Items": [item], "ScannedCount": 1}) for item in FOUND),
    json.dumps({"Count": 2, "Items": list(FOUND[:2]), "ScannedCount": 2}),
    json.dumps({"Count": 0, "Items": [], "ScannedCount": 0}),
)
CONTEXT = {"requestTimeEpoch": "1700000000250", "extendedRequestId": "JKJa/XmP+LvHcE=", "authorizer.head": "e30"}
TRACE = "Root=1-6553f100-d2046871936b13e27ff9bc87;Parent=9891a649179f22ab;Sampled=0"
META = {"hub.mode": "subscribe", "hub.verify_token": "VERIFY_TOKEN", "hub.challenge": "1158201444"}
OKTA = "X-Okta-Verification-Challenge"
# The constructs that templates may be made of, beyond what ours happen to use.
CONSTRUCTS = (
    "$util.urlEncode($input.body)|$util.base64Encode($input.body)|$util.escapeJavaScript($input.body)",
    "$input.params('X')|$input.params().header.get('X')|$input.params().querystring.get('X')|${context.none}|$!{context.none.x}",
    (
        "#set($a = $input.body)\n"
        "#if($a.startsWith('{') && $a != '{}')\n{\n#elseif(!$a.contains('%'))\nplain\n#else\n%\n#end\n$a"
    ),
    "#if($input.body.matches('[A-Za-z0-9_.=-]{1,200}'))some#elseif($context.none.matches('[a-z]{0,1}'))null#{else}other#end",
    '#if($context.authorizer.none == \'x\' || "$!context.authorizer.none" != "")there#{else}not there#end',
)


def cases() -> Iterator[Case]:
    """Our templates and all constructs over hostile input, and directives with white space in every place."""
    for name in REQUESTS:
        request = (TEMPLATES / name).read_text()
        for text in HOSTILE:
            yield Case(request, text, context=CONTEXT)
            yield Case(request, "e30=", context={**CONTEXT, "authorizer.head": text, "authorizer.trace": text})
        yield Case(request, "e30=", context={**CONTEXT, "authorizer.trace": TRACE})
        yield Case(request, "e30=", context={"requestTimeEpoch": "1"})
    for text in HOSTILE:
        for construct in CONSTRUCTS:
            yield Case(construct, text, header={"X": text, "get": text}, context=CONTEXT)
    yield Case(CONSTRUCTS[1], header={"X": "header"}, query={"X": "query"}, path={"X": "path"})
    for template in sorted(TEMPLATES.glob("*.vtl")):
        if template.name.startswith("challenge_"):
            yield from _challenges(template.read_text())
        elif template.name == "receipt_query.vtl":
            for text in (
                *HOSTILE,
                "JKJaXmP_-=",
                "JKJaXmP_-%3D",
                "IPp-GHDZoA_FcVA",
                "IPp-GHDZoA_FcVA%3D",
                "IPp-GHDZoA_FcVAQ",
                "%2B+",
                "a" * 64,
                "a" * 65,
                "a\n",
                "%22",
            ):
                yield Case(template.read_text(), path={"id": text}, query={"id": "query"}, context=CONTEXT)
        elif template.name == "receipt.vtl":
            for answer in QUERIES:
                yield Case(template.read_text(), answer, context=CONTEXT)
                yield Case(template.read_text(), base64.b64encode(answer.encode()).decode(), context=CONTEXT)
        elif template.name not in (*REQUESTS, *GROUPS, *ENDINGS.values()):
            for answer in REPLIES if template.name == "handshake_reply.vtl" else ANSWERS:
                yield Case(template.read_text(), answer, context=CONTEXT)
                if "$input.path" not in template.read_text():
                    yield Case(template.read_text(), base64.b64encode(answer.encode()).decode(), context=CONTEXT)
    yield from _in_order()
    yield from _white_space(random.Random(1))  # noqa: S311  # the same templates every time


def _in_order() -> Iterator[Case]:
    """The templates of sources whose queue keeps an order, put together as modules/ingestion does."""

    def text(name: str) -> str:
        return (TEMPLATES / name).read_text()

    of_header, of_body = map(text, GROUPS)
    ordered = [base64.b64encode(body.encode()).decode() for body in ORDERED]
    for name in GROUPS:
        yield Case(text(name), "e30=", context=CONTEXT)
    for request, ending in ENDINGS.items():
        whole = text(request).removesuffix("}") + text(ending)
        for group in (*HOSTILE, LONGEST, LONGEST + "A", "a.b:c@d/e+f=g,h-i_J", "-"):
            context = {**CONTEXT, "authorizer.group": group, "authorizer.deduplication_id": group}
            yield Case(of_header + whole, "e30=", context=context)
        for body in ordered if request == "send_message.vtl" else ordered[:3]:
            yield Case(of_body.replace("MEMBER", MEMBER) + whole, body, context=CONTEXT)


def _challenges(template: str) -> Iterator[Case]:
    yield Case(template, query=META, context=CONTEXT)
    yield Case(template, context=CONTEXT)
    for text in (*HOSTILE, "a" * 200, "a" * 201, "aB9_-", "aB9.=", "[a]", "a\n"):
        for name in META if "hub." in template else ():
            yield Case(template, query={**META, name: text}, header=META, context=CONTEXT)
        for name in (OKTA, OKTA.lower(), OKTA.upper()) if OKTA in template else ():
            yield Case(template, header={name: text}, query={OKTA: "query"}, context=CONTEXT)
    yield Case(template, header={OKTA: "one", OKTA.lower(): "two", **META}, context=CONTEXT)


def _white_space(choice: random.Random) -> Iterator[Case]:
    spaces = ("", "", " ", "\n", "  ", "\n\n", " \n", "\t", "\n  ")
    conditions = ("$context.v == 'val'", "$context.v == 'no'", '"$!context.u" != ""')

    def piece(depth: int) -> str:
        kind = choice.randrange(4 if depth else 2)
        space = choice.choice(spaces)
        if kind == 0:
            return space + choice.choice(("{b}", "${context.v}.", "&x=%7B")) + choice.choice(spaces)
        if kind == 1:
            return choice.choice(("", "\n", "x")) + "#set($x = 'q')" + space
        text = f"{space}#if({choice.choice(conditions)}){choice.choice(spaces)}{block(depth - 1)}"
        if choice.random() < 0.6:
            text += (
                choice.choice(("#else", "#{else}"))
                + choice.choice((" ", "\n", "\n\n", " \n", "{", "\t\n"))
                + block(depth - 1)
            )
        return text + "#end" + choice.choice((" ", "\n", "", "{"))

    def block(depth: int) -> str:
        return "".join(piece(depth) for _ in range(choice.randint(1, 3)))

    found: set[str] = set()
    while len(found) < 150:
        template = block(2)
        if len(template) < 160 and "#" in template and template not in found and _is_common(template):
            found.add(template)
            yield Case(template, context={"v": "val"})


def _is_common(template: str) -> bool:
    try:
        check_subset(Template(template))
    except TemplateError:
        return False
    return True


def main() -> None:
    """Render all cases and write them down."""
    given = list(cases())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["javac", "-cp", JARS, "-d", folder, HERE / "Render.java"], check=True)
        done = subprocess.run(
            ["java", "-cp", f"{JARS}:{folder}", "Render"],
            input="".join(case.lines() for case in given),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    renderings = []
    for case, line in zip(given, done.stdout.splitlines(), strict=True):
        text, status = line.split(" ")
        wanted = {"text": base64.b64decode(text).decode(), "status": None if status == "-" else int(status)}
        renderings.append({"case": {name: value for name, value in asdict(case).items() if value}, "rendered": wanted})
    header = {
        "what": "Renderings of mapping templates by Apache Velocity 1.7, null printed as nothing as API Gateway does",
        "how": "apt-get install velocity default-jdk; python -m tests.unit.local.gateway.velocity.render",
    }
    RENDERINGS.write_text(json.dumps(header | {"renderings": renderings}, indent=1) + "\n")


if __name__ == "__main__":
    main()
