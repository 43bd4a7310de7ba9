"""Calls that compute and nothing else: verifying, deciding. In a process of their own, each for some milliseconds.

The process has the zips' own sources before everything else on its path. usage: calls.py ROUNDS NAME...
"""

import hmac
import importlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from tests.bench.figure import Comparison, Figure, compare
from tests.bench.ratio import Round, Sample
from tests.bench.rounds import interleave
from tests.bench.workshop import Workshop

PROJECT = Path(__file__).parents[2]
BURST_SECONDS = 0.003
BURSTS = 5
KILOBYTE = 1024
SIZES = {"1 KB": KILOBYTE, "10 KB": 10 * KILOBYTE, "256 KB": 256 * KILOBYTE}
LIMITS = {"1 KB": 1.5, "10 KB": 1.2, "256 KB": 1.05}
LIBRARIES = {
    "stripe": "stripe's library",
    "standard-webhooks": "standardwebhooks",
    "slack": "slack-sdk",
    "rfc9421": "http-message-signatures",
}
CODES = ("G5", "G6", "G7")

HMAC, DECISION = "hmac.digest", "authorizer"


def _comparisons() -> Iterable[Comparison]:
    for size, limit in LIMITS.items():
        yield _call("G5", f"verify, GitHub's scheme, {size}", f"verify github {size}", f"{HMAC} {size}", limit)
    for size in SIZES:
        yield _call("G5", f"the same for a head that is read, {size}", f"match github {size}", f"{HMAC} {size}")
    for size in SIZES:
        yield _call("G5", f"GitHub's documented check, {size}", f"library github {size}", f"{HMAC} {size}")
    for size in SIZES:
        yield _call("G5", f"from message to verified event, {size}", f"record {size}", f"{HMAC} {size}")
    for scheme, library in LIBRARIES.items():
        for size in SIZES:
            name = f"verify and freshness, {scheme}, {size}"
            yield _call("G5", name, f"verify {scheme} {size}", f"library {scheme} {size}", 1, library)
    yield _call("G5", "noise: hmac.digest, 1 KB", f"{HMAC} again 1 KB", f"{HMAC} 1 KB", of="itself")
    # Without its metric line, which G7 has: it is what is said of a decision, and not the decision.
    yield _call("G6", "decision, GitHub's scheme: its form", f"{DECISION} decides github", f"{HMAC} 1 KB", 3)
    yield _call("G6", "the same for a body of 256 KB", f"{DECISION} decides github 256 KB", f"{HMAC} 1 KB", 3)
    yield _call("G6", "decision, a token", f"{DECISION} decides token", f"{HMAC} 1 KB")
    yield _call("G6", "decision, RFC 9421: the whole signature", f"{DECISION} decides rfc9421", f"{HMAC} 1 KB")
    yield _call("G7", "JSON to JSON with metric line, GitHub's scheme", f"{DECISION} github", f"{HMAC} 1 KB", 10)
    yield _call("G7", "JSON to JSON with metric line, a token", f"{DECISION} token", f"{HMAC} 1 KB")
    yield _call("G7", "JSON to JSON with metric line, RFC 9421", f"{DECISION} rfc9421", f"{HMAC} 1 KB")


def _call(
    code: str, name: str, ours: str, baseline: str, limit: float | None = None, of: str = "hmac.digest, same body"
) -> Comparison:
    if code != "G5":
        of = "hmac.digest of 1 KB"
    return Comparison(code, name, ours, baseline, of, limit=limit, unit="us")


COMPARISONS = tuple(_comparisons())


def measure(
    workshop: Workshop, codes: Sequence[str], rounds: int, say: Callable[[str], None], shuffler: random.Random
) -> list[Figure]:
    """The figures of this subject among `codes`."""
    wanted = [each for each in COMPARISONS if each.code in codes]
    if not wanted:
        return []
    names = {name for each in wanted for name in (each.ours, each.baseline)}
    roots = [str(workshop.task_root(package=package)) for package in ("authorizer", "processor")]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([*roots, str(PROJECT)])}
    arguments = [sys.executable, "-m", "tests.bench.calls", str(rounds), str(shuffler.random()), *sorted(names)]
    # A session of its own: Ctrl-C is for the bench, which ends its processes itself.
    with subprocess.Popen(
        arguments, env=variables, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            measured = _read(process.stdout, rounds, say)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(f"the process of the calls ended with {process.returncode}")
    return [compare(each, measured) for each in wanted]


def _read(lines: Iterable[str], rounds: int, say: Callable[[str], None]) -> list[Round]:
    measured: list[Round] = []
    for line in lines:
        read = json.loads(line)
        if isinstance(read, list):
            measured = read
        else:
            say(f"calls, round {read} of {rounds}")
    return measured


def timed(call: Callable[[], object], seconds: float = BURST_SECONDS) -> Callable[[], Sample]:
    """How long one call takes, from bursts of as many as take so long.

    The quickest burst counts: whatever else the machine does can only make one slower.
    """
    count = _repetitions(call, seconds)

    def burst() -> float:
        repetitions = range(count)
        began = time.thread_time()
        for _ in repetitions:
            call()
        return (time.thread_time() - began) / count

    return lambda: {"cpu": min(burst() for _ in range(BURSTS))}


def _repetitions(call: Callable[[], object], seconds: float) -> int:
    count = 1
    while True:
        began = time.thread_time()
        for _ in range(count):
            call()
        taken = time.thread_time() - began
        if taken >= seconds / 4:
            return max(1, round(count * seconds / taken))
        count *= 2


def calls() -> Mapping[str, Callable[[], Callable[[], object]]]:
    """By name, what makes the call that is measured; each is sure to succeed."""
    makers: dict[str, Callable[[], Callable[[], object]]] = {}
    for size, count in SIZES.items():
        makers[f"{HMAC} {size}"] = lambda count=count: _hmac(count)  # type: ignore[misc]
        makers[f"match github {size}"] = lambda count=count: _match(count)  # type: ignore[misc]
        makers[f"record {size}"] = lambda count=count: _record(count)  # type: ignore[misc]
        for scheme in ("github", *LIBRARIES):
            makers[f"verify {scheme} {size}"] = lambda s=scheme, c=count: _verify(s, c)  # type: ignore[misc]
            makers[f"library {scheme} {size}"] = lambda s=scheme, c=count: _library(s, c)  # type: ignore[misc]
    makers[f"{HMAC} again 1 KB"] = lambda: _hmac(KILOBYTE)
    for source in ("github", "token", "rfc9421"):
        makers[f"{DECISION} decides {source}"] = lambda source=source: _decides(source, KILOBYTE)  # type: ignore[misc]
        makers[f"{DECISION} {source}"] = lambda source=source: _authorizes(source)  # type: ignore[misc]
    makers[f"{DECISION} decides github 256 KB"] = lambda: _decides("github", 256 * KILOBYTE)
    return makers


def _hmac(size: int) -> Callable[[], object]:
    from tests.bench.fake.server import SECRET
    from tests.bench.webhooks import json_body

    key, body = SECRET.encode(), json_body(size)
    return lambda: hmac.digest(key, body, "sha256")


def _verify(scheme_name: str, size: int) -> Callable[[], object]:
    """As the processor calls it: with headers gathered and keys read, over the exact bytes."""
    from common.headers import gather
    from common.keys import read_keys
    from common.scheme import preset
    from common.signature import Request, check_freshness, verify
    from tests.bench.webhooks import headers_of, json_body, secret_of, url_of

    scheme, body = preset(scheme_name), json_body(size)
    keys = read_keys([secret_of(scheme_name)], scheme.key_encoding)
    request = Request(
        gather(headers_of(scheme_name, body).items()), url=url_of(scheme_name) if scheme.signs_url else ""
    )
    now = time.time()

    def call() -> object:
        return verify(scheme, keys, request, body)

    def fresh() -> None:
        head, _ = verify(scheme, keys, request, body)
        check_freshness(head, now, 300)

    assert verify(scheme, keys, request, body)[1] == keys[0]
    return call if scheme_name == "github" else fresh  # GitHub says no time, and neither does its check look at one


def _match(size: int) -> Callable[[], object]:
    """The body alone, for a head that was read before."""
    from common.headers import gather
    from common.keys import read_keys
    from common.scheme import preset
    from common.signature import Request, matching_key, read_head
    from tests.bench.webhooks import headers_of, json_body, secret_of

    scheme, body = preset("github"), json_body(size)
    keys = read_keys([secret_of("github")], scheme.key_encoding)
    head = read_head(scheme, Request(gather(headers_of("github", body).items())))
    return lambda: matching_key(scheme, keys, head, body)


def _library(scheme_name: str, size: int) -> Callable[[], object]:
    from tests.bench.baselines import checks
    from tests.bench.webhooks import headers_of, json_body, secret_of, url_of

    body, secret = json_body(size), secret_of(scheme_name)
    headers = headers_of(scheme_name, body)
    if scheme_name == "rfc9421":
        return lambda: checks.rfc9421(secret, headers, body, url_of("rfc9421"))
    check = {
        "github": checks.github,
        "stripe": checks.stripe,
        "standard-webhooks": checks.standard_webhooks,
        "slack": checks.slack,
    }[scheme_name]
    assert check(secret, headers, body)
    return lambda: check(secret, headers, body)


def _record(size: int) -> Callable[[], object]:
    """What the processor does with each record before it writes: its envelope, its signature, its identity."""
    from common.keyring import KeyRing
    from processor.event import Event
    from processor.process import Lane, read
    from processor.settings import read_settings
    from tests.bench.fake.server import SECRET
    from tests.bench.webhooks import PROCESSOR_VARIABLES, batch, deliveries

    settings = read_settings({**PROCESSOR_VARIABLES, "TABLE_NAME": "events"})
    keyring = KeyRing(lambda: [SECRET], settings.scheme.key_encoding)
    lane = Lane(settings, keyring, cast(Any, None), time.time)  # nothing is stored, so no store is needed
    (record,) = batch(deliveries(1, size, "record"))["Records"]
    assert isinstance(read(record, lane), Event)
    return lambda: read(record, lane)


def _authorizer() -> Any:
    from tests.bench.webhooks import authorizer_variables

    os.environ.update(authorizer_variables() | {"AWS_REGION": "eu-central-1"})
    os.environ.update({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"})
    from authorizer.secrets_manager import SecretsManager
    from tests.bench.fake.server import SECRET

    # The secret is in memory, as it is in all invocations of a minute but one.
    SecretsManager.live_versions = lambda *_: [SECRET]  # type: ignore[method-assign]
    sys.modules.pop("authorizer.handler", None)  # each its own: one is told to keep silent
    return importlib.import_module("authorizer.handler")


def _decides(source: str, size: int) -> Callable[[], object]:
    """From the event as a dict to the policy, without the metric line."""
    from tests.bench.webhooks import authorizer_event, json_body

    handler, event = _authorizer(), authorizer_event(source, json_body(size))
    assert callable(handler._measure)
    handler._measure = lambda *_: None
    _check_allowed(handler.handle(event, None))
    return lambda: handler.handle(event, None)


def _authorizes(source: str) -> Callable[[], object]:
    """From the event's text to the answer's, with the metric line written to nowhere."""
    from tests.bench.webhooks import authorizer_event, json_body

    handler, text = _authorizer(), json.dumps(authorizer_event(source, json_body(KILOBYTE)))
    _check_allowed(handler.handle(json.loads(text), None))
    return lambda: json.dumps(handler.handle(json.loads(text), None))


def _check_allowed(answer: Mapping[str, Any]) -> None:
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def _main(rounds: int, seed: str, names: Sequence[str]) -> None:
    # Metric lines go nowhere, each by a write of its own, as in Lambda; what is measured is told over what was the
    # standard output.
    told, sys.stdout = sys.stdout, open(os.devnull, "w", buffering=1, encoding="utf-8")  # noqa: PTH123, SIM115
    makers = calls()
    variants = {name: timed(makers[name]()) for name in names}

    def say(number: int) -> None:
        print(number, file=told, flush=True)

    shuffler = random.Random(seed)  # noqa: S311
    print(json.dumps(interleave(variants, rounds, say, shuffler)), file=told)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
