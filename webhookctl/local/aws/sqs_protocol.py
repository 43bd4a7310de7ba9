"""The two ways to speak with Amazon SQS: JSON (SDKs since late 2023) and the query protocol (API Gateway).

Amazon SQS Developer Guide, "Making Query API requests" and "AWS JSON protocol"; botocore's service description for the
names of the query protocol's flattened lists. A query request is answered in XML, or in JSON when it accepts
`application/json`.
"""

import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes
from xml.sax.saxutils import escape

from webhookctl.local import quick_json
from webhookctl.local.aws.errors import AwsError, SqsError
from webhookctl.local.identifier import new_uuid

JSON_TYPE = "application/x-amz-json-1.0"
JSON_ERROR_NAMES = {
    "AWS.SimpleQueueService.NonExistentQueue": "QueueDoesNotExist",
    "AWS.SimpleQueueService.EmptyBatchRequest": "EmptyBatchRequest",
    "AWS.SimpleQueueService.TooManyEntriesInBatchRequest": "TooManyEntriesInBatchRequest",
    "AWS.SimpleQueueService.BatchEntryIdsNotDistinct": "BatchEntryIdsNotDistinct",
}
"""Codes that the JSON protocol spells otherwise; the query spelling goes into the header `x-amzn-query-error`."""

# The name of a member of each list or map in the query protocol, and its name in JSON.
_LISTS = {
    "AttributeName": "AttributeNames",
    "MessageAttributeName": "MessageAttributeNames",
    "MessageSystemAttributeName": "MessageSystemAttributeNames",
    "SendMessageBatchRequestEntry": "Entries",
    "DeleteMessageBatchRequestEntry": "Entries",
    "ChangeMessageVisibilityBatchRequestEntry": "Entries",
}
_MAPS = {
    "Attribute": ("Attributes", "Name"),
    "MessageAttribute": ("MessageAttributes", "Name"),
    "MessageSystemAttribute": ("MessageSystemAttributes", "Name"),
    "Tag": ("tags", "Key"),
}
_XML_MEMBERS = {
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "queueUrls": "QueueUrl",
    "Failed": "BatchResultErrorEntry",
    "Results": "ListMessageMoveTasksResultEntry",
}
_XML_MAPS = {
    "Attributes": ("Attribute", "Name"),
    "MessageAttributes": ("MessageAttribute", "Name"),
    "Tags": ("Tag", "Key"),
}
_NOT_IN_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


@dataclass(frozen=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_form(form: bytes) -> dict[str, Any]:
    """A query request in the shape of the JSON protocol, with its `Action`; of a parameter given twice the first holds.

    Raises SqsError(MalformedQueryString) for what is not a list of parameters.
    """
    tree: dict[str, Any] = {}
    for pair in form.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            _insert(tree, _path(name), _decoded(value))
    return _as_json(tree)


@lru_cache(maxsize=1024)  # a template writes the same few into every request
def _path(name: bytes) -> tuple[str, ...]:
    return tuple(_decoded(name).split("."))


def _decoded(text: bytes) -> str:
    if b"%" not in text:
        return text.decode("latin-1").replace("+", " ")
    if not text.isascii():
        return unquote_plus(text.decode("latin-1"))
    spaced = text.replace(b"+", b" ")
    return (_unescaped(spaced) or unquote_to_bytes(spaced)).decode("utf-8", "replace")


def _unescaped(text: bytes) -> bytes | None:
    """A text without its percent signs' escapes; None where there is more to it than that.

    Quoted-printable has the same escapes behind another sign, and is read by C: a webhook's body is full of them, and
    the standard library's way takes twenty times as long. Each escape that is one makes the text two bytes shorter.
    """
    if b"=" in text or b"\n" in text or b"\r" in text:
        return None
    unescaped = binascii.a2b_qp(text.replace(b"%", b"="))
    return unescaped if len(text) - len(unescaped) == 2 * text.count(b"%") else None


def _insert(tree: dict[str, Any], path: Sequence[str], value: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise SqsError(
                "MalformedQueryString", "The query string contains a parameter that is both a value and a list."
            )
    tree.setdefault(path[-1], value)


def _as_json(tree: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {}
    for name, value in tree.items():
        if name in _LISTS and isinstance(value, dict):
            members = _in_order(value)
            request[_LISTS[name]] = [_as_json(member) if isinstance(member, dict) else member for member in members]
        elif name in _MAPS and isinstance(value, dict):
            json_name, key = _MAPS[name]
            request[json_name] = {member.get(key, ""): member.get("Value", "") for member in _in_order(value)}
        else:
            request[name] = value
    return request


def _in_order(members: Mapping[str, Any]) -> list[Any]:
    if not all(number.isdigit() for number in members):
        raise SqsError("MalformedQueryString", "The members of a list must be numbered.")
    return [members[number] for number in sorted(members, key=int)]


def query_json(operation: str, answer: Mapping[str, Any]) -> bytes:
    """A query request's answer for who accepts JSON: what API Gateway's response templates see."""
    result: dict[str, Any] = dict(answer)
    if operation == "SendMessage":
        absent = ("MD5OfMessageAttributes", "MD5OfMessageSystemAttributes", "SequenceNumber")
        result = dict.fromkeys(absent) | result
    envelope: dict[str, Any] = {"ResponseMetadata": {"RequestId": new_uuid()}}
    if result:
        envelope = {f"{operation}Result": result} | envelope
    return quick_json.encoded({f"{operation}Response": envelope})


def query_json_error(error: AwsError) -> bytes:
    """The same for a refusal."""
    detail = {"Code": error.code, "Message": error.message, "Type": "Sender" if error.status < 500 else "Receiver"}
    return quick_json.encoded({"Error": detail, "RequestId": new_uuid()})


def json_response(answer: Mapping[str, Any]) -> Response:
    """The JSON protocol's answer."""
    return Response(200, _headers(JSON_TYPE), quick_json.encoded(answer))


def json_error(error: AwsError) -> Response:
    """The JSON protocol's refusal; SDKs read the old code from `x-amzn-query-error`."""
    name = JSON_ERROR_NAMES.get(error.code, error.code)
    headers = _headers(JSON_TYPE) | {"x-amzn-query-error": f"{error.code};Sender"}
    return Response(
        error.status, headers, json.dumps({"__type": f"com.amazonaws.sqs#{name}", "message": error.message}).encode()
    )


def query_response(operation: str, answer: Mapping[str, Any], *, as_json: bool) -> Response:
    """The query protocol's answer."""
    if as_json:
        return Response(200, _headers("application/json"), query_json(operation, answer))
    result = "".join(_element(name, value, operation) for name, value in answer.items())
    metadata = f"<ResponseMetadata><RequestId>{new_uuid()}</RequestId></ResponseMetadata>"
    return Response(
        200,
        _headers("text/xml"),
        f'<?xml version="1.0"?><{operation}Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">'
        f"<{operation}Result>{result}</{operation}Result>{metadata}</{operation}Response>".encode(),
    )


def query_error(error: AwsError, *, as_json: bool) -> Response:
    """The query protocol's refusal."""
    if as_json:
        return Response(error.status, _headers("application/json"), query_json_error(error))
    detail = f"<Type>Sender</Type><Code>{_text(error.code)}</Code><Message>{_text(error.message)}</Message><Detail/>"
    text = f"<ErrorResponse><Error>{detail}</Error><RequestId>{new_uuid()}</RequestId></ErrorResponse>"
    return Response(error.status, _headers("text/xml"), f'<?xml version="1.0"?>{text}'.encode())


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "x-amzn-RequestId": new_uuid()}


def _element(name: str, value: Any, operation: str) -> str:
    if isinstance(value, list):
        member = f"{operation}ResultEntry" if name == "Successful" else _XML_MEMBERS.get(name, name)
        return "".join(_element(member, item, operation) for item in value)
    if name in _XML_MAPS and isinstance(value, dict):
        member, key = _XML_MAPS[name]
        return "".join(_element(member, {key: item, "Value": value[item]}, operation) for item in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(inner, value[inner], operation) for inner in value)}</{name}>"
    return f"<{name}>{_text(str(value).lower() if isinstance(value, bool) else str(value))}</{name}>"


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", text))
