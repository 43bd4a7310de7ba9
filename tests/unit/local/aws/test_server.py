import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from webhookctl.local.aws.moto_process import MotoFailed, moto_server

PARENT = """
import sys, time
from pathlib import Path
from webhookctl.local.aws.moto_process import moto_server
with moto_server("111122223333", Path(sys.argv[1])) as url:
    print(url(), flush=True)
    time.sleep(600)
"""


def test_it_serves_one_account_with_the_extensions_while_the_block_lasts(tmp_path: Path) -> None:
    with moto_server("000000000000", tmp_path / "log") as url:
        sqs = boto3.client(
            "sqs",
            endpoint_url=url(),
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        try:
            queue = sqs.create_queue(QueueName="q")["QueueUrl"]
            attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All", "RedriveAllowPolicy"])
        finally:
            sqs.close()

    assert queue == "https://sqs.eu-west-1.amazonaws.com/000000000000/q"
    assert attributes["Attributes"]["QueueArn"] == "arn:aws:sqs:eu-west-1:000000000000:q"


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().strip().rpartition(":")[2])
        assert listens(port)
        parent.kill()

    for _ in range(100):
        if not listens(port):
            return
        time.sleep(0.1)
    pytest.fail("the server outlived its parent")


def test_one_that_does_not_start_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with moto_server("000000000000", tmp_path / "log") as url, pytest.raises(MotoFailed, match="did not start"):
        url()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
