"""Cold starts: processor time of whole processes, from nothing to ready, or to the end of the first invocation."""

import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.bench.figure import Comparison, Figure, compare, counted
from tests.bench.process import BOOTSTRAP, run
from tests.bench.ratio import Sample
from tests.bench.rounds import Variant, interleave, only
from tests.bench.runtime import ExecutionEnvironment
from tests.bench.staging import write_event
from tests.bench.webhooks import PROCESSOR_VARIABLES, SECRET_NAME, authorizer_event, authorizer_variables, json_body
from tests.bench.workshop import POWERTOOLS, XRAY, Workshop

OURS, USUAL = "authorizer.handler.handle", "boto3_authorizer.handle"
PROCESSOR = "processor.handler.handle"

COMPARISONS = (
    Comparison(
        "G1", "authorizer: start, first secret, one HMAC", "authorizer", "boto3", "the same with boto3", limit=0.25
    ),
    Comparison(
        "G1",
        "the same over TLS, with all public authorities",
        "authorizer, TLS",
        "boto3, TLS",
        "the same with boto3",
        limit=0.25,
    ),
    Comparison(
        "G1",
        "the same by an authority that is not Amazon's",
        "authorizer, TLS, all authorities",
        "boto3, TLS",
        "the same with boto3",
    ),
    Comparison("G1", "noise: the boto3 authorizer", "boto3 again", "boto3", "itself"),
    Comparison(
        "G3",
        "authorizer: ready and first invocation",
        "authorizer, runtime",
        "empty, runtime",
        "an empty handler",
        limit=2.1,
    ),
    Comparison("G3", "noise: the empty handler", "empty again, runtime", "empty, runtime", "itself"),
    Comparison("G13", "processor: ready", "processor", "powertools", "Powertools", limit=0.85),
    Comparison("G13", "processor: ready", "processor", "boto3 and X-Ray", "boto3 and X-Ray", limit=0.95),
    Comparison(
        "G13b", "processor: ready", "processor", "processor, collecting", "the garbage collector left on", limit=0.97
    ),
    Comparison("G15", "X-Ray's core: start to end", "X-Ray", "X-Ray, sources", "no bytecode in the zip", limit=0.80),
    Comparison("G15", "processor, as shipped: ready", "processor", "processor, sources", "no bytecode in the zip"),
)
CODES = ("G1", "G3", "G4", "G13", "G13b", "G15")

MEMORY_LIMIT = 0.5
MEMORY_ROUNDS = 3  # they differ by less than a hundredth


def measure(
    workshop: Workshop, codes: Sequence[str], rounds: int, say: Callable[[str], None], shuffler: random.Random
) -> list[Figure]:
    """The figures of this subject among `codes`."""
    wanted = [each for each in COMPARISONS if each.code in codes]
    found = []
    if wanted:
        variants = only({name for each in wanted for name in (each.ours, each.baseline)}, _variants(workshop))
        measured = interleave(variants, rounds, lambda number: say(f"starts, round {number} of {rounds}"), shuffler)
        found += [compare(each, measured) for each in wanted]
    if "G4" in codes:
        found += _memory(workshop, min(rounds, MEMORY_ROUNDS), say)
    return found


def _variants(workshop: Workshop) -> dict[str, Variant]:
    usual = partial(_once, workshop, USUAL, "boto3_authorizer")
    bootable = partial(_ready, workshop)
    return {
        "authorizer": partial(_once, workshop, OURS, ""),
        "authorizer, TLS": partial(_once, workshop, OURS, "", secure=True, as_amazon=True),
        "authorizer, TLS, all authorities": partial(_once, workshop, OURS, "", secure=True),
        "boto3": usual,
        "boto3 again": usual,
        "boto3, TLS": partial(_once, workshop, USUAL, "boto3_authorizer", secure=True),
        "authorizer, runtime": partial(_first_invocation, workshop, OURS, "authorizer", ""),
        "empty, runtime": partial(_first_invocation, workshop, "empty.handle", "", "empty"),
        "empty again, runtime": partial(_first_invocation, workshop, "empty.handle", "", "empty"),
        "processor": partial(bootable, PROCESSOR, package="processor"),
        "processor, sources": partial(bootable, PROCESSOR, package="processor", bytecode=False),
        "processor, collecting": partial(bootable, PROCESSOR, package="processor", options=("--keep-collecting",)),
        "powertools": partial(bootable, "powertools.handle", baseline="powertools", distributions=POWERTOOLS),
        "boto3 and X-Ray": partial(bootable, "boto3_xray.handle", baseline="boto3_xray", distributions=XRAY),
        "X-Ray": partial(_import_xray, workshop, bytecode=True),
        "X-Ray, sources": partial(_import_xray, workshop, bytecode=False),
    }


def _once(
    workshop: Workshop,
    handler: str,
    baseline: str,
    *,
    secure: bool = False,
    as_amazon: bool = False,
    options: Sequence[str] = (),
) -> Sample:
    """A process that imports the handler, calls it with a request whose head is signed, and ends.

    The fake service has no certificate by Amazon. So that it is to the authorizer what AWS is, `as_amazon` tells it one
    fingerprint more, that of the authority behind this service. In the list of all authorities it is one of 140 either
    way, and what that vouches for is verified.
    """
    told = (("authorizer/authorities.py", f'AMAZON |= {{"{workshop.fingerprint}"}}'),) if as_amazon else ()
    if baseline:
        root = workshop.task_root(modules=(baseline,))
    else:
        root = workshop.task_root(package="authorizer", appended=told)
    variables = {**authorizer_variables(), "SECRET_NAME": SECRET_NAME}
    environment = workshop.environment(root, handler, variables, secure=secure)
    return run([str(BOOTSTRAP), handler, "--once", str(_event(workshop)), *options], environment)


def _event(workshop: Workshop) -> Path:
    return write_event(workshop.folder, "request", authorizer_event("rfc9421", json_body(1024)))


def _first_invocation(workshop: Workshop, handler: str, package: str, baseline: str) -> Sample:
    """To the first answer. As with most senders, the head decides by its form, and no secret is asked for."""
    root = workshop.task_root(package=package, modules=(baseline,) if baseline else ())
    with ExecutionEnvironment(handler, workshop.environment(root, handler, authorizer_variables())) as environment:
        environment.invoke(authorizer_event("github", json_body(1024)))
        return environment.end()


def _ready(
    workshop: Workshop,
    handler: str,
    *,
    package: str = "",
    baseline: str = "",
    distributions: tuple[str, ...] = (),
    bytecode: bool | None = None,
    options: Sequence[str] = (),
) -> Sample:
    root = workshop.task_root(
        package=package, modules=(baseline,) if baseline else (), distributions=distributions, bytecode=bytecode
    )
    variables = {**PROCESSOR_VARIABLES, "TABLE_NAME": "bench"}
    with ExecutionEnvironment(handler, workshop.environment(root, handler, variables), options) as environment:
        environment.ready()
        return environment.end()


def _import_xray(workshop: Workshop, *, bytecode: bool) -> Sample:
    root = workshop.task_root(package="processor", modules=("xray_core",), bytecode=bytecode)
    environment = workshop.environment(root, "xray_core.handle", {})
    return run([str(BOOTSTRAP), "xray_core.handle", "--once", str(_event(workshop))], environment)


def _memory(workshop: Workshop, rounds: int, say: Callable[[str], None]) -> list[Figure]:
    """In processes of their own: what they had at most, as the system says from inside."""
    peaks: dict[str, list[int]] = {OURS: [], USUAL: []}
    modules: dict[str, set[str]] = {}
    for number in range(1, rounds + 1):
        for handler, baseline in ((OURS, ""), (USUAL, "boto3_authorizer")):
            seen = workshop.folder / "seen"
            _once(workshop, handler, baseline, options=("--seen", str(seen)))
            peak, *names = seen.read_text(encoding="utf-8").split("\n")
            peaks[handler].append(int(peak))
            modules[handler] = set(names)
        say(f"memory, round {number} of {rounds}")
    measured = [{name: {"bytes": float(peaks[name][number])} for name in peaks} for number in range(rounds)]
    comparison = Comparison(
        "G4",
        "authorizer: peak memory",
        OURS,
        USUAL,
        "the same with boto3",
        metric="bytes",
        limit=MEMORY_LIMIT,
        unit="MB",
    )
    return [
        compare(comparison, measured),
        counted("G4", "authorizer: modules beside the standard library's", "modules", len(_foreign(modules[OURS])), 0),
        counted("G4", "authorizer: modules", "modules", len(modules[OURS]), None, len(modules[USUAL]), "with boto3"),
    ]


def _foreign(modules: set[str]) -> set[str]:
    known = {*sys.stdlib_module_names, "__main__", "authorizer", "common"}
    return {name for name in modules if name.partition(".")[0] not in known}
