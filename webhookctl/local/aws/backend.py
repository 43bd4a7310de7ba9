"""The AWS services that a running environment uses, in this process: SQS, DynamoDB and Secrets Manager."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from webhookctl.local import credentials
from webhookctl.local.aws.errors import AwsError, SqsError
from webhookctl.local.aws.moto_service import MotoServices
from webhookctl.local.aws.queue import Queue
from webhookctl.local.aws.sqs import Sqs
from webhookctl.local.aws.sqs_protocol import (
    Response,
    json_error,
    json_response,
    parse_form,
    query_error,
    query_json,
    query_json_error,
    query_response,
)
from webhookctl.local.aws.table import create_table_request
from webhookctl.local.state import Resource, State

DEFAULT_ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "us-east-1"
_WITH_ARN = ("aws_sqs_queue", "aws_dynamodb_table", "aws_secretsmanager_secret", "aws_lambda_function")


class Backend:
    """Queues, tables and secrets of one account and region, in memory; nothing is shared with another Backend.

    `queues` are there for use in this process, `send` and `ask` are what API Gateway's integrations call, and `handle`
    serves the AWS API for SDKs.
    """

    def __init__(self, account_id: str = DEFAULT_ACCOUNT_ID, region: str = DEFAULT_REGION) -> None:
        self.account_id = account_id
        self.region = region
        self.sqs = Sqs(account_id, region)
        self.queues: Mapping[str, Queue] = self.sqs.queues
        self._moto = MotoServices(account_id, region)

    @classmethod
    def from_state(cls, state: State) -> "Backend":
        """The queues, tables and secrets (without a value) of an applied state, with the names and ARNs from there."""
        backend = cls(*_account_and_region(state))
        for resource in state.resources("aws_sqs_queue"):
            backend.sqs.create_queue(resource.values["name"], dict(_queue_attributes(resource)))
        for type_, name, attribute in _QUEUE_POLICIES:
            for resource in state.resources(type_):
                backend.sqs.queue(resource.values["queue_url"]).set_attributes({attribute: resource.values[name]})
        for resource in state.resources("aws_dynamodb_table"):
            backend.call("DynamoDB_20120810.CreateTable", create_table_request(resource.values))
        for resource in state.resources("aws_secretsmanager_secret"):
            backend.call("secretsmanager.CreateSecret", {"Name": resource.values["name"]})
            secret = backend._moto.secrets.secrets[resource.values["name"]]
            secret.arn = resource.values["arn"]
        return backend

    def call(self, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """One call of DynamoDB or Secrets Manager, e.g. "DynamoDB_20120810.PutItem". Raises AwsError as AWS refuses."""
        answer = self._moto.call(target, json.dumps(request).encode())
        document: dict[str, Any] = json.loads(answer.body or b"{}")
        if answer.status >= 400:
            code = str(document.get("__type", "UnknownError")).rpartition("#")[2]
            raise AwsError(code, str(document.get("message", document.get("Message", ""))), answer.status)
        return document

    async def send(self, account_id: str, queue_name: str, form: bytes) -> tuple[int, bytes]:
        """Carry out a query request for `sqs:path/{account}/{queue}`: the status, and the JSON that templates see."""
        try:
            request = parse_form(form)
            operation = str(request.get("Action", ""))
            if account_id != self.account_id:
                raise SqsError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
            return 200, query_json(operation, await self.sqs.call(operation, request | {"QueueUrl": queue_name}))
        except SqsError as error:
            return error.status, query_json_error(error)

    async def ask(self, operation: str, request: bytes) -> tuple[int, bytes]:
        """Carry out a request for `dynamodb:action/{operation}`: the status, and the JSON that templates see."""
        answer = self._moto.call(f"DynamoDB_20120810.{operation}", request)
        return answer.status, answer.body

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer an SDK's HTTP request. Signatures, account and region in it are not looked at."""
        if request.path == credentials.PATH:
            given = credentials.answer(request.headers.get("Authorization"), datetime.datetime.now(datetime.UTC))
            return web.json_response(given[1], status=given[0])
        body = await request.read()
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith("AmazonSQS."):
            return _web(await self._sqs_json(target.partition(".")[2], body))
        if self._moto.serves(target):
            answer = self._moto.call(target, body)
            return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
        if request.content_type == "application/x-www-form-urlencoded" or "Action" in request.query:
            return _web(await self._query(request, body))
        return web.json_response(
            {"__type": "UnknownOperationException", "message": f"The local stack serves no {target or request.path}."},
            status=400,
        )

    async def _sqs_json(self, operation: str, body: bytes) -> Response:
        try:
            return json_response(await self.sqs.call(operation, _object(body)))
        except SqsError as error:
            return json_error(error)

    async def _query(self, request: web.BaseRequest, body: bytes) -> Response:
        as_json = "application/json" in request.headers.get("Accept", "")
        try:
            parameters = parse_form(body or request.query_string.encode())
            operation = str(parameters.get("Action", ""))
            if operation == "GetCallerIdentity":
                return self._caller_identity()
            url = parameters.get("QueueUrl") or request.path
            return query_response(
                operation, await self.sqs.call(operation, parameters | {"QueueUrl": url}), as_json=as_json
            )
        except SqsError as error:
            return query_error(error, as_json=as_json)

    def _caller_identity(self) -> Response:
        answer = {"UserId": "local", "Account": self.account_id, "Arn": f"arn:aws:iam::{self.account_id}:user/local"}
        return query_response("GetCallerIdentity", answer, as_json=False)


def _web(response: Response) -> web.Response:
    return web.Response(status=response.status, headers=dict(response.headers), body=response.body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise SqsError("SerializationException", f"The request is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise SqsError("SerializationException", "The request is not a JSON object.")
    return document


def _account_and_region(state: State) -> tuple[str, str]:
    for type_ in _WITH_ARN:
        for resource in state.resources(type_):
            _, _, _, region, account_id, *_ = str(resource.values["arn"]).split(":")
            return account_id, region
    return DEFAULT_ACCOUNT_ID, DEFAULT_REGION


# What an `aws_sqs_queue` calls the attributes of CreateQueue.
_QUEUE_ATTRIBUTES = {
    "visibility_timeout_seconds": "VisibilityTimeout",
    "max_message_size": "MaximumMessageSize",
    "message_retention_seconds": "MessageRetentionPeriod",
    "delay_seconds": "DelaySeconds",
    "receive_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
    "redrive_policy": "RedrivePolicy",
    "redrive_allow_policy": "RedriveAllowPolicy",
    "policy": "Policy",
    "kms_master_key_id": "KmsMasterKeyId",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "fifo_queue": "FifoQueue",
    "content_based_deduplication": "ContentBasedDeduplication",
    "deduplication_scope": "DeduplicationScope",
    "fifo_throughput_limit": "FifoThroughputLimit",
}
# The resources that set one attribute of a queue.
_QUEUE_POLICIES = (
    ("aws_sqs_queue_policy", "policy", "Policy"),
    ("aws_sqs_queue_redrive_policy", "redrive_policy", "RedrivePolicy"),
    ("aws_sqs_queue_redrive_allow_policy", "redrive_allow_policy", "RedriveAllowPolicy"),
)


def _queue_attributes(resource: Resource) -> Iterator[tuple[str, str]]:
    for name, attribute in _QUEUE_ATTRIBUTES.items():
        value = resource.values.get(name)
        if value not in (None, ""):
            yield attribute, str(value).lower() if isinstance(value, bool) else str(value)
