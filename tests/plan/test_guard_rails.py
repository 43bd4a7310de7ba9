"""Every rule that refuses an input at plan time, tripped once: it says what to change, and nothing else complains.

One root calls a module once per case, each call in a file of its own, and one plan reports all errors; the file's name
tells whose an error is.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.plan.inputs import SOURCE
from tests.plan.workspace import PROJECT, Workspace

FUNCTION: dict[str, Any] = {
    "name": "webhook-test",
    "package": "processor",
    "description": "A test",
    "timeout_seconds": 30,
    "memory_mb": 512,
    "environment": {},
    "statements": [],
    "log_retention_days": 30,
}

PROCESSOR: dict[str, Any] = {
    "name": "webhook-test-github",
    "source_name": "github",
    "scheme_json": json.dumps("github"),
    "tolerance_seconds": 300,
    "secret": {
        "name": "webhook-test/github",
        "arn": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:webhook-test/github-AbCdEf",
    },
    "queue": {
        "arn": "arn:aws:sqs:eu-west-1:000000000000:webhook-test-github",
        "url": "https://sqs.eu-west-1.amazonaws.com/000000000000/webhook-test-github",
        "dead_letter_arn": "arn:aws:sqs:eu-west-1:000000000000:webhook-test-github-dead-letter",
        "dead_letter_url": "https://sqs.eu-west-1.amazonaws.com/000000000000/webhook-test-github-dead-letter",
    },
    "queue_retention_days": 4,
    "table": {
        "name": "webhook-test-events",
        "arn": "arn:aws:dynamodb:eu-west-1:000000000000:table/webhook-test-events",
    },
    "event_retention_days": 30,
    "max_concurrency": 2,
    "batch_size": 10,
    "batch_window_seconds": 0,
    "timeout_seconds": 30,
    "memory_mb": 512,
    "metrics_namespace": "webhook-test",
    "log_retention_days": 30,
    "http": None,  # what is left out would be complained of in the module's file, which does not tell the case
}

POSTGRES: dict[str, Any] = {"table": "ledger", "columns": {"event_id": "{id}"}, "key": ["event_id"]}

HTTP: dict[str, Any] = {"url": "https://partner.example/webhooks"}

RETRY: dict[str, Any] = {"source_name": "github", "has_effect": True, "timeout_seconds": 30, "batch_window_seconds": 0}

STORE: dict[str, Any] = {"name": "webhook-test-events", "max_write_units_per_second": 1, "max_read_units_per_second": 1}

INGESTION: dict[str, Any] = {
    "name": "webhook-test",
    "secret_prefix": "webhook-test/",
    "metrics_namespace": "webhook-test",
    "log_retention_days": 30,
    "edge_secret_arns": {},
}

WEBHOOK: dict[str, Any] = {
    "name": "webhook-test",
    "sources": {"github": {"scheme": "github"}},
    "secret_recovery_days": 7,
}

INCOMPRESSIBLE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(100))

CUSTOM: dict[str, Any] = {"kind": "hmac", "signature": {"header": "X-Acme-Signature"}}


@dataclass(frozen=True)
class Refusal:
    """A module called with wrong inputs, and a piece of the sentence that says what to change."""

    module: str
    inputs: Mapping[str, Any]
    says: str


def function(says: str, **wrong: Any) -> Refusal:
    return Refusal("function", {**FUNCTION, **wrong}, says)


def processor(says: str, **wrong: Any) -> Refusal:
    return Refusal("processor", {**PROCESSOR, **wrong}, says)


def handler(says: str, handler: str, **wrong: Any) -> Refusal:
    """A lane with a handler, or with what is to be one."""
    return processor(f"github.*{says}", handler=handler, batch_size=1, **wrong)


def postgres(says: str, **wrong: Any) -> Refusal:
    return processor(f"github.*{says}", postgres={**POSTGRES, **wrong}, batch_size=1)


def http(says: str, **wrong: Any) -> Refusal:
    return processor(f"github.*{says}", http={**HTTP, **wrong}, batch_size=1)


def retry(says: str, **wrong: Any) -> Refusal:
    return Refusal("retry", {**RETRY, **wrong}, f"github.*{says}")


def store(says: str, **wrong: Any) -> Refusal:
    return Refusal("store", {**STORE, **wrong}, says)


def source(says: str, **wrong: Any) -> Refusal:
    """A source of the module ingestion."""
    return Refusal(
        "ingestion", {**INGESTION, "sources": {"good": SOURCE, "github": {**SOURCE, **wrong}}}, f"{says}.*\\(github"
    )


def webhook(says: str, **wrong: Any) -> Refusal:
    return Refusal("webhook", {**WEBHOOK, **wrong}, says)


def scheme(says: str, scheme: str | None, custom_scheme: Mapping[str, Any] | None = None, **more: Any) -> Refusal:
    # What is left out would be complained of in the module's file, which does not tell the case.
    ordinary = {"source_name": "acme", "insecure": False, "verify_token": None}
    inputs = {**ordinary, "scheme": scheme, "custom_scheme": custom_scheme, **more}
    return Refusal("scheme", inputs, f"acme.*{says}")


def custom(says: str, **wrong: Any) -> Refusal:
    return scheme(says, None, {**CUSTOM, **wrong})


def signature(says: str, **wrong: Any) -> Refusal:
    return custom(says, signature={**CUSTOM["signature"], **wrong})


REFUSALS: dict[str, Refusal] = {
    # function
    "function_name_of_65_characters": function("has 65 characters.*Shorten", name="x" * 65),
    "package_without_a_zip": function(r"build/missing.zip is not there. Run scripts/build.sh", package="missing"),
    "cryptography_that_was_not_built": function(
        "build/authorizer-cryptography.zip is not there.*Run scripts/build.sh --with-cryptography",
        package="authorizer",
        needs_cryptography=True,
    ),
    "handler_package_that_was_not_built": function(
        "build/processor-missing.zip is not there.*Run scripts/build.sh --with DIR, .*package missing",
        handler_package="missing",
    ),
    "handler_package_without_cryptography": function(
        "build/processor-stock-cryptography.zip is not there.*--with-cryptography --with DIR, .*package stock",
        handler_package="stock",
        needs_cryptography=True,
    ),
    "vpc_without_subnets": function(
        "list at least one of each", vpc={"subnet_ids": [], "security_group_ids": ["sg-0123456789abcdef0"]}
    ),
    "vpc_without_security_groups": function(
        "list at least one of each", vpc={"subnet_ids": ["subnet-0123456789abcdef0"], "security_group_ids": []}
    ),
    "timeout_0": function("set a whole number from 1 to 900", timeout_seconds=0),
    "timeout_901": function("set a whole number from 1 to 900", timeout_seconds=901),
    "memory_127": function("set a whole number from 128 to 10240", memory_mb=127),
    "memory_10241": function("set a whole number from 128 to 10240", memory_mb=10241),
    # processor
    "concurrency_1": processor("set a whole number from 2 to 1000.*paused = true", max_concurrency=1),
    "concurrency_1001": processor("set a whole number from 2 to 1000", max_concurrency=1001),
    "concurrency_2_and_a_half": processor("set a whole number from 2 to 1000", max_concurrency=2.5),
    "batch_that_can_not_be_done_in_time": processor(
        "set timeout_seconds to at least 33, or batch_size to at most 440", batch_size=500, batch_window_seconds=1
    ),
    "batch_0": processor("set a whole number from 1 to 10000", batch_size=0),
    "batch_10001": processor(
        "set a whole number from 1 to 10000", batch_size=10001, batch_window_seconds=1, timeout_seconds=900
    ),
    "batch_11_without_a_window": processor(
        "set batch_window_seconds to at least 1, or batch_size to 10", batch_size=11
    ),
    "window_below_0": processor("set a whole number from 0 to 300", batch_window_seconds=-1),
    "window_301": processor("set a whole number from 0 to 300", batch_window_seconds=301),
    "fifo_batch_11": processor("set it to at most 10.*from a FIFO queue", fifo=True, batch_size=11),
    "fifo_with_a_window": processor("no records of a FIFO queue: set it to 0", fifo=True, batch_window_seconds=1),
    "unknown_deduplication": processor('set it to "id".*"body" or "both"', deduplicate_by="time"),
    "event_retention_0": processor("set a whole number of days, at least 1", event_retention_days=0),
    # effects
    "events_kept_shorter_than_an_effect_may_come_back": processor(
        "redriven late has a second effect", http=HTTP, batch_size=1, event_retention_days=17
    ),
    "handler_and_http": handler("keep one of handler, http and postgres.table", "orders.views:handle", http=HTTP),
    "handler_and_a_table": handler("may have postgres = {}", "orders.views:handle", postgres=POSTGRES),
    "http_and_a_table": processor("keep one of handler, http", http=HTTP, postgres=POSTGRES, batch_size=1),
    "handler_that_is_a_file": handler("write it as package.module:function", "orders/views.py"),
    "handler_in_no_package": handler("write it as package.module:function", "views:handle"),
    "handler_with_a_name_that_python_has_not": handler("package.module:function", "orders-2.views:handle"),
    "handler_in_the_processors_package": handler("rename the package", "processor.views:handle"),
    "handler_in_a_zip_of_another_kind": handler("package named cryptography.*rename", "cryptography.views:handle"),
    "environment_without_a_handler": processor("remove it, or add handler", handler_environment={"WAREHOUSE": "north"}),
    "environment_of_the_processors": handler(
        "has TABLE_NAME, which the processor itself reads",
        "orders.views:handle",
        handler_environment={"TABLE_NAME": "mine"},
    ),
    **{
        f"environment_with_{what}": handler(
            "begin with a letter, and not with AWS_ or LAMBDA_", "orders.views:handle", handler_environment={name: "1"}
        )
        for what, name in {
            "a_name_of_aws": "AWS_REGION",
            "a_name_of_lambdas": "LAMBDA_TASK_ROOT",
            "a_name_of_the_runtime": "_HANDLER",
            "a_hyphen": "WARE-HOUSE",
        }.items()
    },
    "permissions_without_a_handler": processor(
        "remove them, or add handler",
        handler_permissions=[{"actions": ["sns:Publish"], "resources": ["arn:aws:sns:eu-west-1:000000000000:shipped"]}],
    ),
    "postgres_without_a_table_or_a_handler": processor("add table, columns and key, or handler", postgres={}),
    "columns_without_a_table": handler(
        "add table, or remove them", "orders.views:handle", postgres={"columns": {"a": "{id}"}}, timeout_seconds=30
    ),
    "table_in_a_schema_of_a_schema": postgres('write "table" or "schema.table"', table="a.b.c"),
    "table_of_64_characters": postgres("each of at most 63", table="t" * 64),
    "table_without_columns": postgres("say what each column is set to", columns={}, key=[]),
    "table_without_a_key": postgres("which of them tell", key=[]),
    "key_that_is_no_column": postgres("names id, which is not among its columns", key=["event_id", "id"]),
    "column_of_64_characters": postgres("use 1 to 63", columns={"event_id": "{id}", "c" * 64: "/a"}),
    "column_set_to_a_word": postgres("or a JSON pointer", columns={"event_id": "{id}", "amount": "amount"}),
    "column_set_to_an_unknown_field": postgres("has a value that is not known", columns={"event_id": "{name}"}),
    "unknown_conflict": postgres('set it to "nothing"', on_conflict="replace"),
    "nothing_to_update": postgres("take columns out of key", on_conflict="update"),
    "url_with_a_password": http("without user:password", url="https://user:password@partner.example/"),
    "url_with_a_fragment": http("a fragment", url="https://partner.example/#top"),
    "url_with_a_blank": http("or blanks", url="https://partner.example/a b"),
    "url_without_a_host": http("https://host/path", url="https:///webhooks"),
    "url_of_another_protocol": http("https://host/path", url="ftp://partner.example/", allow_private_addresses=True),
    "url_in_the_clear": http("begin it with https://.*allow_private_addresses", url="http://partner.example/"),
    "http_timeout_0": http("from 1 to 60", timeout_seconds=0),
    "http_timeout_61": processor(
        "http.timeout_seconds of github.*from 1 to 60", http={**HTTP, "timeout_seconds": 61}, timeout_seconds=300
    ),
    "timeout_shorter_than_the_partner_may_take": processor(
        "set it to at least 32, or lower http.timeout_seconds", http={**HTTP, "timeout_seconds": 20}
    ),
    "timeout_shorter_with_two_markers": processor(
        "set it to at least 40, or lower", http={**HTTP, "timeout_seconds": 20}, deduplicate_by="both", batch_size=1
    ),
    "timeout_shorter_than_a_statement_may_take": processor(
        "set it to at least 22\\.", postgres=POSTGRES, timeout_seconds=21
    ),
    "timeout_too_short_for_a_handler": handler("set it to at least 12\\.", "orders.views:handle", timeout_seconds=11),
    # retry
    "retry_without_an_effect": retry(
        "remove it, or add handler, postgres or http", has_effect=False, retry={"attempts": 3}
    ),
    "list_of_delays_and_attempts": retry("give the list alone", retry={"attempts": 2, "delays_seconds": [5]}),
    "attempts_1": retry("a whole number from 2 to 100", retry={"attempts": 1}),
    "attempts_0": retry("a whole number from 2 to 100", retry={"attempts": 0}),
    "attempts_101": retry("a whole number from 2 to 100", retry={"attempts": 101, "max_delay_seconds": 60}),
    "attempts_2_and_a_half": retry("a whole number from 2 to 100", retry={"attempts": 2.5}),
    "no_delays": retry("a list of 1 to 99 delays", retry={"delays_seconds": []}),
    "delays_100": retry("a list of 1 to 99 delays", retry={"delays_seconds": [1] * 100}),
    "delay_0": retry("whole seconds from 1 to 43200", retry={"delays_seconds": [5, 0]}),
    "delay_of_more_than_12_hours": retry("whole seconds from 1 to 43200", retry={"max_delay_seconds": 43201}),
    "delay_of_a_fraction": retry("whole seconds from 1 to 43200", retry={"first_delay_seconds": 0.5}),
    "first_delay_above_the_longest": retry("lower the first or raise the second", retry={"max_delay_seconds": 29}),
    "schedule_of_a_fortnight": retry(
        "needs 14 days for its 26 attempts.*shorten the delays or have fewer", retry={"delays_seconds": [43200] * 25}
    ),
    "retention_shorter_than_the_schedule": retry(
        "set it to at least 4, or leave it out", retry={"delays_seconds": [43200] * 5}, retention_days=3
    ),
    "max_receive_count_beside_an_effect": retry("remove it, and set retry.attempts", max_receive_count=5),
    # store
    "write_ceiling_0": store("set a whole number of at least 1", max_write_units_per_second=0),
    "read_ceiling_0": store("set a whole number of at least 1", max_read_units_per_second=0),
    # ingestion
    "order_without_fifo": source("order_by is for a source with fifo = true", order_by={"header": "X-Ticket"}),
    "two_orders": source("a header or a pointer, not both", fifo=True, order_by={"header": "X-A", "pointer": "/a"}),
    "order_by_no_pointer": source('such as "/data/ticket_id"', fifo=True, order_by={"pointer": "ticket_id"}),
    "order_by_the_end_of_a_literal": source("letters, digits and _.:-", fifo=True, order_by={"pointer": "/a')#end"}),
    "order_by_no_header": source("must be the name of a header", fifo=True, order_by={"header": "X Ticket"}),
    "messages_of_1023_bytes": Refusal(
        "ingestion", {**INGESTION, "sources": {"github": SOURCE}, "max_message_bytes": 1023}, "from 1024 to 1048576"
    ),
    "messages_of_1048577_bytes": Refusal(
        "ingestion", {**INGESTION, "sources": {"github": SOURCE}, "max_message_bytes": 1048577}, "from 1024 to 1048576"
    ),
    "queue_name_of_81_characters": Refusal(
        "ingestion",
        {**INGESTION, "name": "n" * 50, "sources": {"github": SOURCE, "g" * 18: SOURCE}},
        "at most 80 characters.*shorten name or the source's key \\(g{18}\\)",
    ),
    "no_content_types": source("list the media types", content_types=[]),
    "content_type_with_wildcard": source("exact media types", content_types=["*/*"]),
    "content_type_with_parameters": source("exact media types", content_types=["application/json; charset=utf-8"]),
    "content_type_with_capitals": source("exact media types", content_types=["Application/JSON"]),
    "tolerance_0": source("a whole number from 1 to 86400", tolerance_seconds=0),
    "tolerance_of_a_fraction": source("a whole number from 1 to 86400", tolerance_seconds=90.5),
    "tolerance_of_more_than_a_day": source("a whole number from 1 to 86400", tolerance_seconds=86401),
    "success_status_201": source("must be 200 or 202", success_status=201),
    "rate_0": source("must be above 0.*paused = true", rate_per_second=0),
    "burst_0": source("must be at least 1", burst=0),
    "address_instead_of_a_range": source("address ends in /32", allowed_cidrs=["203.0.113.7"]),
    "max_receive_count_4": source("must be 5 to 1000", max_receive_count=4),
    "max_receive_count_1001": source("must be 5 to 1000", max_receive_count=1001),
    "retention_0": source("must be 1 to 14", retention_days=0),
    "dead_letter_retention_15": source("must be 1 to 14", dead_letter_retention_days=15),
    "equal_retentions": source("Raise the first or lower the second", retention_days=14),
    "visibility_of_more_than_12_hours": source(
        "lower timeout_seconds or batch_window_seconds", timeout_seconds=7200, batch_window_seconds=1
    ),
    "sources_too_long_for_the_authorizer": Refusal(
        "ingestion",
        {**INGESTION, "sources": {"github": {**SOURCE, "scheme_json": json.dumps(INCOMPRESSIBLE)}}},
        "of the 3,500 characters.*use presets.*or split the sources over two environments",
    ),
    # scheme
    "scheme_and_custom_scheme": scheme("either scheme or custom_scheme", "github", CUSTOM),
    "neither_scheme_nor_custom_scheme": scheme("either scheme or custom_scheme.*name a preset \\(.*github", None),
    "unknown_scheme": scheme('"nobody", which nobody has described: use one of .*github.*custom_scheme', "nobody"),
    "unsigned_by_accident": scheme("say that this is meant with insecure = true", "unsigned"),
    "insecure_without_effect": scheme("insecure = true would have no effect: remove it", "github", insecure=True),
    "insecure_custom_scheme": scheme("insecure = true would have no effect", None, CUSTOM, insecure=True),
    "signed_url_without_effect": scheme(
        "does not sign the URL: remove it", "github", signed_url="https://example.com/webhooks"
    ),
    "signed_url_without_tls": scheme(
        "write it as the sender has it, https://host/path", "square", signed_url="http://example.com/webhooks"
    ),
    "signed_url_without_a_path": scheme("https://host/path", "square", signed_url="https://example.com"),
    "signed_url_with_a_fragment": scheme("without a fragment", "square", signed_url="https://example.com/a#b"),
    "no_verify_token": scheme("without a verify_token: add one of 16 to 128", "meta"),
    "verify_token_that_nobody_asks_for": scheme("never asks for: remove it", "okta", verify_token="a" * 16),
    "verify_token_of_15_characters": scheme("make one of 16 to 128", "meta", verify_token="a" * 15),
    "verify_token_of_129_characters": scheme("make one of 16 to 128", "meta", verify_token="a" * 129),
    "verify_token_that_breaks_the_template": scheme("make one of 16 to 128", "meta", verify_token="a" * 16 + "')"),
    "handshake_without_effect": scheme("remove it. It is for slack and zoom", "github", handshake=True),
    "handshake_that_is_always_there": scheme("remove it", "okta", handshake=True),
    "handshake_of_a_custom_scheme": scheme("remove it", None, CUSTOM, handshake=True),
    "unknown_kind": custom('needs kind = "hmac"', kind="rsa"),
    "unknown_digest": custom('set it to "sha256"', digest="md5"),
    "unknown_key_encoding": custom('set it to "utf8"', key_encoding="base32"),
    "unknown_signature_encoding": signature('set it to "hex" or "base64"', encoding="base32"),
    "unknown_separator": signature('set it to ",", ";" or " ", or leave it out', separator="|"),
    "header_with_a_colon": signature("names a header that cannot be one", header="X-Acme:"),
    "id_in_a_header_with_a_space": custom("names a header that cannot be one", id={"header": "X Id"}),
    "timestamp_in_two_places": custom(
        "timestamp.header for a header of its own, timestamp.prefix.*or timestamp.pointer",
        timestamp={"header": "X-Time", "prefix": "t="},
        signature={"header": "X-Acme-Signature", "separator": ","},
        signed="{timestamp}{body}",
    ),
    "timestamp_nowhere": custom("where its timestamp is in one way", timestamp={}, signed="{timestamp}{body}"),
    "timestamp_in_a_header_and_in_the_body": custom(
        "where its timestamp is in one way",
        timestamp={"header": "X-Time", "pointer": "/time"},
        signed="{timestamp}{body}",
    ),
    "timestamp_pointer_without_slash": custom("begin it with /", timestamp={"pointer": "time"}),
    "unknown_timestamp_unit": custom(
        'set it to "seconds", "milliseconds" or "iso8601"',
        timestamp={"header": "X-Time", "unit": "minutes"},
        signed="{timestamp}{body}",
    ),
    "timestamp_item_without_separator": custom(
        "no signature.separator", timestamp={"prefix": "t="}, signed="{timestamp}{body}"
    ),
    "id_in_two_places": custom("where id and type are in one way each", id={"header": "X-Id", "pointer": "/id"}),
    "id_in_a_header_and_in_a_form": custom(
        "where id and type are in one way each", id={"header": "X-Id", "form": "id"}
    ),
    "type_nowhere": custom("where id and type are in one way each", type={}),
    "pointer_without_slash": custom("begin it with /", id={"pointer": "event.id"}),
    "body_not_signed": custom("write {body} into signed, once", signed="constant"),
    "body_signed_twice": custom("write {body} into signed, once", signed="{body}{body}"),
    "unknown_placeholder": custom("use {id}, {timestamp}, {method}, {url} and {body}", signed="{params}{body}"),
    "placeholder_of_a_place_in_the_body": custom("placeholder in signed that is not known", signed="{/token}{body}"),
    "timestamp_signed_and_not_given": custom("add timestamp = {", signed="{timestamp}{body}"),
    "timestamp_given_and_not_signed": custom("write {timestamp} into signed", timestamp={"header": "X-Time"}),
    "id_signed_and_not_given": custom("add id = { header", signed="{id}.{body}"),
    "id_signed_and_in_the_body": custom("add id = { header", signed="{id}.{body}", id={"pointer": "/id"}),
    "id_signed_and_not_set_off": custom("as in {id}.{body}", signed="{id}{body}", id={"header": "X-Id"}),
    "token_with_a_digest": custom(
        "leave digest, key_encoding, timestamp and signed out", kind="token", digest="sha256"
    ),
    # webhook
    "environment_name_with_capitals": webhook("begin with a lower-case letter", name="Webhook"),
    "no_sources": webhook("sources is empty: add one", sources={}),
    "source_with_capitals": webhook(
        "lower-case letters, digits and hyphens; rename GitHub", sources={"GitHub": {"scheme": "github"}}
    ),
    "source_of_32_characters": webhook("at most 31 lower-case letters", sources={"g" * 32: {"scheme": "github"}}),
    "source_with_a_name_that_is_taken": webhook("rename that source", sources={"authorizer": {"scheme": "github"}}),
    "source_with_the_name_of_a_dead_letter_queue": webhook(
        "rename that source", sources={"github-dead-letter": {"scheme": "github"}}
    ),
    "source_with_the_name_of_a_handshake": webhook(
        "rename that source", sources={"zoom-handshake": {"scheme": "zoom"}}
    ),
    "events_kept_shorter_than_dead_letters": webhook(
        "stored a second time.*\\(github\\)", sources={"github": {"scheme": "github", "event_retention_days": 13}}
    ),
    "source_with_the_name_of_the_receipts_role": webhook(
        "rename that source", sources={"receipts": {"scheme": "github"}}
    ),
    "order_by_nothing": webhook(
        "give it header or pointer.*\\(github\\)",
        sources={"github": {"scheme": "github", "fifo": True, "order_by": {}}},
    ),
    "secret_recovery_of_6_days": webhook("7 to 30 days, or 0", secret_recovery_days=6),
}


@dataclass(frozen=True)
class Complaint:
    """One error of a plan: the case it is of, its text on one line, and the rule that it came from as file:line."""

    case: str
    text: str
    rule: str


@pytest.fixture(scope="module")
def complaints(workspace: Workspace) -> list[Complaint]:
    for package in ("orders", "stock"):
        shutil.copy(workspace.folder / "build/processor.zip", workspace.folder / f"build/processor-{package}.zip")
    root = workspace.root(
        "refused", {f"{case}.tf.json": json.dumps(call(case, refusal)) for case, refusal in REFUSALS.items()}
    )
    # tftest keeps no more of a failed plan than its text, wrapped.
    done = subprocess.run(
        ["terraform", "plan", "-json", "-refresh=false", "-lock=false"],
        cwd=root.tfdir,
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return [complaint(message["diagnostic"]) for message in messages if message["type"] == "diagnostic"]


def call(case: str, refusal: Refusal) -> dict[str, Any]:
    """The case's module call. Inputs go through a variable: `validate`, which has fewer rules, stops at known ones."""
    inputs = {name: f"${{var.{case}.{name}}}" for name in refusal.inputs}
    return {
        "variable": {case: {"default": refusal.inputs}},
        "module": {case: {"source": f"../../modules/{refusal.module}", **inputs}},
    }


def complaint(diagnostic: Mapping[str, Any]) -> Complaint:
    file, line = diagnostic["range"]["filename"], diagnostic["range"]["start"]["line"]
    text = diagnostic["detail"].replace("\n", " ")
    by_validation = re.search(r"checked by the validation rule at (\S+?):(\d+),", text)
    if by_validation:
        return Complaint(
            Path(file).name.removesuffix(".tf.json"), text, f"{module_file(by_validation[1])}:{by_validation[2]}"
        )
    # A precondition's error is where the resource is and does not say whose; the block begins on the line before.
    (case,) = [case for case, refusal in REFUSALS.items() if re.search(refusal.says, text)]
    return Complaint(case, text, f"{module_file(file)}:{line - 1}")


def module_file(path: str) -> str:
    return path.split("modules/")[-1]


@pytest.mark.parametrize("case", REFUSALS)
def test_a_dangerous_input_is_refused_with_a_sentence_that_says_what_to_change(
    complaints: list[Complaint], case: str
) -> None:
    (found,) = [complaint.text for complaint in complaints if complaint.case == case]
    assert re.search(REFUSALS[case].says, found), found


def test_nothing_else_is_wrong_with_the_cases(complaints: list[Complaint]) -> None:
    assert [complaint for complaint in complaints if complaint.case not in REFUSALS] == []


def test_every_rule_is_tripped_by_a_case(complaints: list[Complaint]) -> None:
    """A rule that can never fire is worse than none."""
    rules = {
        f"{file.parent.name}/{file.name}:{number}"
        for file in (PROJECT / "modules").glob("*/*.tf")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if re.match(r"\s*(validation|precondition|postcondition) \{", line)
    }
    assert rules - {complaint.rule for complaint in complaints} == set()
