"""The subscriber of cdk-patterns' "The Scalable Webhook", ported from JavaScript: logs the event whole and each
message, and puts each under a random id. Nothing is verified or refused; a message that comes twice is there twice.

Where the original sends each request twice (it gives the SDK a callback and takes its promise, too), this one sends it
once. https://github.com/cdk-patterns/serverless, the-scalable-webhook/python/lambda_fns/subscribe
"""

import json
import os
import uuid
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handle(event: dict[str, Any], _context: object) -> None:
    """Overwrites."""
    print("request:", json.dumps(event, indent=2))  # noqa: T201
    for record in event["Records"]:
        message = record["body"]
        print("received message", message)  # noqa: T201
        item = {"id": {"S": str(uuid.uuid4())}, "message": {"S": message}}
        answer = dynamodb.put_item(TableName=os.environ["TABLE_NAME"], Item=item)
        print("Success", answer)  # noqa: T201
