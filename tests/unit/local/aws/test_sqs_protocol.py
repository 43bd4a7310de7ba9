import json
import xml.etree.ElementTree as ET
from urllib.parse import quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookctl.local.aws.backend import Backend
from webhookctl.local.aws.errors import SqsError
from webhookctl.local.aws.sqs_protocol import parse_form, query_error, query_response

ACCOUNT = "111122223333"


@pytest.fixture
def backend() -> Backend:
    backend = Backend(ACCOUNT, "eu-west-1")
    backend.sqs.create_queue("webhook-dev-github", {"MaximumMessageSize": "1024"})
    return backend


async def test_a_sent_form_is_answered_with_the_json_that_templates_see(backend: Backend) -> None:
    status, body = await backend.send(ACCOUNT, "webhook-dev-github", b"Action=SendMessage&MessageBody=a%20b%2Bc+d")

    (message,) = backend.queues["webhook-dev-github"].receive_now()
    answer = json.loads(body)["SendMessageResponse"]
    assert status == 200
    assert message.body == "a b+c d"
    assert answer["SendMessageResult"]["MessageId"] == message.message_id
    assert answer["SendMessageResult"]["MD5OfMessageBody"] == message.md5_of_body
    assert answer["ResponseMetadata"]["RequestId"]


async def test_the_trace_header_of_a_form_arrives_as_a_system_attribute(backend: Backend) -> None:
    form = (
        "Action=SendMessage&MessageBody=x&MessageSystemAttribute.1.Name=AWSTraceHeader"
        "&MessageSystemAttribute.1.Value.DataType=String"
        f"&MessageSystemAttribute.1.Value.StringValue={quote_plus('Root=1-2-3;Parent=4;Sampled=1')}"
    )
    await backend.send(ACCOUNT, "webhook-dev-github", form.encode())

    (message,) = backend.queues["webhook-dev-github"].receive_now()
    assert message.attributes["AWSTraceHeader"] == "Root=1-2-3;Parent=4;Sampled=1"


@pytest.mark.parametrize(
    ("queue", "form", "status", "code"),
    [
        ("webhook-dev-github", "Action=SendMessage&MessageBody=" + "x" * 1025, 400, "InvalidParameterValue"),
        ("webhook-dev-github", "Action=SendMessage&MessageBody=%00", 400, "InvalidMessageContents"),
        ("webhook-dev-github", "Action=SendMessage&MessageBody=", 400, "MissingParameter"),
        ("webhook-dev-github", "Action=SendMessage", 400, "MissingParameter"),
        ("webhook-dev-github", "Action=Sing&MessageBody=x", 400, "InvalidAction"),
        ("webhook-dev-github", "", 400, "InvalidAction"),
        ("none", "Action=SendMessage&MessageBody=x", 400, "AWS.SimpleQueueService.NonExistentQueue"),
        ("webhook-dev-github", "Action=SendMessage&MessageBody=x&MessageBody.1=y", 400, "MalformedQueryString"),
        (
            "webhook-dev-github",
            "Action=SendMessage&MessageBody=x&MessageAttribute.a.Name=y",
            400,
            "MalformedQueryString",
        ),
    ],
)
async def test_a_refused_form_is_answered_with_its_code_and_kept_nowhere(
    backend: Backend, queue: str, form: str, status: int, code: str
) -> None:
    answered, body = await backend.send(ACCOUNT, queue, form.encode())

    error = json.loads(body)
    assert (answered, error["Error"]["Code"], error["Error"]["Type"]) == (status, code, "Sender")
    assert error["Error"]["Message"]
    assert error["RequestId"]
    assert backend.queues["webhook-dev-github"].counts().visible == 0


async def test_a_queue_of_another_account_is_not_there(backend: Backend) -> None:
    status, body = await backend.send("999999999999", "webhook-dev-github", b"Action=SendMessage&MessageBody=x")

    assert (status, json.loads(body)["Error"]["Code"]) == (400, "AWS.SimpleQueueService.NonExistentQueue")


async def test_an_unencoded_body_adds_parameters_as_it_would_at_aws(backend: Backend) -> None:
    await backend.send(ACCOUNT, "webhook-dev-github", b"Action=SendMessage&MessageBody=a&DelaySeconds=900")

    assert backend.queues["webhook-dev-github"].counts() == (0, 0, 1)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_encoded_value_is_read_back_whatever_it_is(text: str) -> None:
    assert parse_form(f"Action=SendMessage&MessageBody={quote_plus(text)}".encode())["MessageBody"] == text


@given(st.binary())
def test_any_bytes_are_a_form_or_refused(form: bytes) -> None:
    try:
        parse_form(form)
    except SqsError as error:
        assert error.code == "MalformedQueryString"


def test_lists_and_maps_of_a_form_have_the_names_of_the_json_protocol() -> None:
    form = (
        "Action=SendMessageBatch&SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.1.Id=a"
        "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n"
        "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v"
        "&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&AttributeName.1=All&Tag.1.Key=k&Tag.1.Value=t"
    )

    assert parse_form(form.encode()) == {
        "Action": "SendMessageBatch",
        "Entries": [{"Id": "a", "MessageAttributes": {"n": {"StringValue": "v"}}}, {"Id": "b"}],
        "Attributes": {"DelaySeconds": "5"},
        "AttributeNames": ["All"],
        "tags": {"k": "t"},
    }


def test_a_query_answer_is_xml_in_which_lists_and_maps_are_flat() -> None:
    answer = {"Messages": [{"Body": "<&>\x00", "Attributes": {"SenderId": "s"}}, {"Body": "b"}]}

    root = ET.fromstring(query_response("ReceiveMessage", answer, as_json=False).body)  # noqa: S314 - our own

    namespace = {"q": "http://queue.amazonaws.com/doc/2012-11-05/"}
    assert [body.text for body in root.findall(".//q:Message/q:Body", namespace)] == ["<&>\ufffd", "b"]
    assert root.findtext(".//q:Message/q:Attribute/q:Name", "", namespace) == "SenderId"
    assert root.findtext("q:ResponseMetadata/q:RequestId", "", namespace)


def test_a_query_refusal_is_xml_too() -> None:
    refusal = query_error(SqsError("InvalidParameterValue", "too < long"), as_json=False)

    root = ET.fromstring(refusal.body)  # noqa: S314 - our own
    assert refusal.status == 400
    assert (root.findtext("Error/Code"), root.findtext("Error/Message")) == ("InvalidParameterValue", "too < long")


@given(
    st.binary().map(lambda text: text.replace(b"&", b"")) | st.text("%%%+aé0C3A9f .=\r\n", min_size=1).map(str.encode)
)
def test_a_value_is_read_as_pythons_own_reader_of_forms_reads_it(value: bytes) -> None:
    assert parse_form(b"MessageBody=" + value)["MessageBody"] == unquote_plus(value.decode("latin-1"))
