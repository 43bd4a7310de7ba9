"""The command `webhookctl`. What only one command needs is imported when it runs: verifying offline starts at once."""

import math
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from common.keys import Key
from webhookctl.arguments import STDIN, NamedScheme, read_bytes, read_header_lines, read_moment, read_scheme, read_since
from webhookctl.failure import FAILED, INTERRUPTED, Failure, WrongUsage
from webhookctl.output import styled, write, write_bytes, write_error, write_json

DEV = Path(__file__).parents[1] / "envs" / "dev"

app = typer.Typer(
    help="Try, watch and debug a scalable webhook: one on AWS, one on this machine, or none at all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # their frames can show secrets
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
local = typer.Typer(
    help="Run a whole environment on this machine, from its Terraform and its Lambda packages.",
    short_help="Run an environment on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(local, name="local")


class Outcome(StrEnum):
    """Where an entry of the table ended, or where the effect of a stored event stands."""

    STORED = "stored"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REJECTED = "rejected"
    EXHAUSTED = "exhausted"


BodyArgument = Annotated[
    str, typer.Argument(metavar="BODYFILE", help="File with the exact bytes of the body, or - for standard input.")
]
SchemeOption = Annotated[
    str,
    typer.Option(
        "--scheme",
        metavar="NAME|FILE.json",
        help="How the source signs: a scheme of docs/senders.md (github, stripe, slack, ...), or a JSON file "
        "with a custom scheme.",
    ),
]
SecretOption = Annotated[
    str | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        help="File with the sender's secret as the sender shows it, or a JSON list of such. Only unsigned needs none.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
EnvOption = Annotated[
    str,
    typer.Option(
        "--env",
        metavar="ENV",
        help="local, the name of a directory under envs/ (its Terraform outputs are read), or another directory.",
    ),
]
ProfileOption = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Profile of the AWS credentials.")]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="AWS region, instead of the environment's own.")
]


@app.command(short_help="Is this request genuine? Offline.")
def verify(
    body_file: BodyArgument,
    scheme: SchemeOption,
    secret_file: SecretOption = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", "-H", metavar="'NAME: VALUE'", help="A header of the request; may be given repeatedly."
        ),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(
            metavar="EPOCH_SECONDS",
            help="When the request came. Default: now.",
            show_default=False,
        ),
    ] = None,
    tolerance_seconds: Annotated[
        int, typer.Option(metavar="N", min=0, help="How long before or after that it may be signed.")
    ] = 300,
    method: Annotated[
        str, typer.Option(metavar="METHOD", help="The request's method, for schemes that sign it.")
    ] = "POST",
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The request's whole URL, for schemes that sign it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Is this request genuine? Offline, with the code that judges it on AWS.

    Exits with 0 and prints what matched when it is, with 1 and the reason code when it is not, with 2 on wrong usage,
    an unusable secret included. On a terminal and in --json a refusal comes with what usually causes it.

    \b
    Example, with the values that GitHub publishes:
      printf "It's a Secret to Everybody" > secret
      printf 'Hello, World!' | webhookctl verify --scheme github --secret-file secret \\
        -H 'X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' -
    """
    from common.signature import Request
    from webhookctl.verification import Genuine, judge
    from webhookctl.verify_view import show_judgement, write_judgement

    named = read_scheme(scheme)
    headers = read_header_lines(header or [])
    _check_inputs(secret_file, body_file)
    keys = _read_keys(named, secret_file)
    body = read_bytes(body_file)
    judged_at = int(time.time()) if at is None else read_moment(at)
    request = Request(headers, method, _needed_url(named, url))
    judgement = judge(named.scheme, keys, request, body, at=judged_at, tolerance_seconds=tolerance_seconds)
    if as_json:
        write_judgement(judgement, named)
    else:
        show_judgement(judgement, named, judged_at)
    if not isinstance(judgement, Genuine):
        raise typer.Exit(FAILED)


@app.command(short_help="Print a sender's headers for a body. Offline.")
def sign(
    body_file: BodyArgument,
    scheme: SchemeOption,
    secret_file: SecretOption = None,
    at: Annotated[
        int | None,
        typer.Option(metavar="EPOCH_SECONDS", help="When it is signed. Default: now.", show_default=False),
    ] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The event's id. Default: a new one.", show_default=False)
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="The event's type.")] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The webhook's whole URL, for schemes that sign it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the headers that a sender would send with this body, one on a line. Offline.

    With several keys in the secret file the first one signs. An id or a type that the scheme has in the body is not
    changed: put it there before. Schemes with the signature or the time in the body (mailgun, linear) and those with a
    private key (sendgrid, discord, plaid, standard-webhooks-v1a) can't be signed so.

    \b
    Example:
      webhookctl sign --scheme github --secret-file secret --type push body.json |
        curl -H @- -H 'Content-Type: application/json' --data-binary @body.json URL
    """
    from webhookctl.signing import check_given, check_signable, fresh_id, signed_request

    named = read_scheme(scheme)
    check_given(named.scheme, event_id, event_type)
    _check_inputs(secret_file, body_file)
    check_signable(named.scheme)
    key = next(iter(_read_keys(named, secret_file)), None)
    body = read_bytes(body_file)
    signed = signed_request(
        named.scheme,
        key,
        body,
        at=time.time() if at is None else read_moment(at),
        event_id=event_id or fresh_id(),
        event_type=event_type,
        url=_needed_url(named, url),
    )
    if signed.body != body:
        raise Failure(
            "This scheme has its signature or its time in the body, so headers are not enough. To send a signed one: "
            "webhookctl send SOURCE FILE"
        )
    if as_json:
        write_json({"scheme": named.name, "headers": signed.headers, "query": signed.query})
        return
    for name, value in signed.headers.items():
        write(f"{name}: {value}")
    if signed.query:
        write_error(f"It must be sent with this at the end of the URL's query: {signed.query}")


@app.command(short_help="Sign a body as a source would, and post it.")
def send(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="The source to send as, as the environment names it.")
    ],
    body_file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="File with the body's bytes, or - for standard input.")
    ],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many to send.")] = 1,
    rate: Annotated[
        float | None,
        typer.Option(metavar="R", help="How many a second. Default: as fast as 64 at a time go.", show_default=False),
    ] = None,
    content_type: Annotated[str, typer.Option(metavar="T", help="The Content-Type header.")] = "application/json",
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="The event's type, where the scheme has a header for it."),
    ] = None,
    same_id: Annotated[bool, typer.Option("--same-id", help="Send one event again and again, as retries are.")] = False,
    env: EnvOption = "local",
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a body as that source would, with the secret in Secrets Manager, and post it.

    Each has an event id of its own. Where the scheme has the id in the body, the body goes out as it is the first time;
    further ones get another id there, and are written anew as compact JSON, if the body is a JSON object. Other bodies
    are the same each time, which makes them one event where the scheme has no id.

    Exits with 1 when any was not accepted, and with 130 after Ctrl-C, which still prints what was done.

    \b
    Examples:
      webhookctl send github body.json --type push
      webhookctl send stripe body.json --count 500 --rate 50
      echo '{}' | webhookctl send github - --env prod --profile work --json
    """
    from webhookctl.environment import choose_environment
    from webhookctl.faults import explained_faults
    from webhookctl.secret import read_secret
    from webhookctl.send_view import show_sent, shown_progress, write_sent
    from webhookctl.sending import Burst, Webhook, send_burst
    from webhookctl.signing import check_given, first_key

    if rate is not None and not 0 < rate < math.inf:
        raise WrongUsage("--rate must be above 0.")
    if not content_type.isprintable() or not content_type.isascii():
        raise WrongUsage("--content-type must be printable ASCII.")
    environment = choose_environment(env, region=region, profile=profile)
    sender = environment.source(source)
    check_given(sender.scheme, None, event_type)
    body = read_bytes(body_file)
    with explained_faults(environment):
        key = first_key(read_secret(environment, sender), sender.scheme, sender.secret_name or "")
    webhook = Webhook(sender.scheme, key, body, content_type, event_type, same_id, sender.signed_url)
    with shown_progress(count) as on_answer:
        sent = send_burst(sender.url, webhook, Burst(count, rate), on_answer)
    if as_json:
        write_sent(sent, sender, count)
    else:
        show_sent(sent, sender, count, environment)
    if sent.interrupted:
        raise typer.Exit(INTERRUPTED)
    if sent.accepted < count:
        raise typer.Exit(FAILED)


@app.command(short_help="List what was stored and quarantined.")
def events(
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="Only this source's.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="1h|30m|2d|TIME", help="Only those received since: so long ago, or a time in ISO 8601 (UTC)."
        ),
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that ended so.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 50,
    env: EnvOption = "local",
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document per line, and nothing else.")] = False,
) -> None:
    """List what was stored and what was quarantined, newest first.

    A conflict came with the id of an earlier event, but with another body. A quarantined entry could not be verified:
    it has a reason in place of a type, and the queue's message id in place of an event id.

    A stored event of a lane with an effect is listed by what became of that: it is running, waiting for its next
    attempt, done, rejected for good, or exhausted, which means in the dead-letter queue. --outcome stored lists all of
    them. Where few are in a state, --since makes it quicker to list them.

    \b
    Examples:
      webhookctl events --source github --since 1h
      webhookctl events --source orders --outcome exhausted --since 2d
      webhookctl events --outcome quarantined --since 2d --env prod --json | jq .reason
    """
    from webhookctl.environment import choose_environment
    from webhookctl.event_view import show_rows, write_rows
    from webhookctl.events import Table, choose_rows
    from webhookctl.faults import explained_faults

    earliest = read_since(since, datetime.now(UTC)) if since else None
    environment = choose_environment(env, region=region, profile=profile)
    sources = [environment.source(source).name] if source else sorted(environment.sources)
    with explained_faults(environment):
        table = Table(environment.dynamodb(), environment.table_name)
        outcomes, effect = choose_rows(outcome.value if outcome else None)
        rows = table.newest(sources, outcomes, earliest, limit, effect)
        if as_json:
            write_rows(rows)
        elif not (shown := show_rows(rows)):
            write_error("There are none.")
        elif shown == limit:
            write_error(f"These are the newest {limit}; --limit shows more.")


@app.command(short_help="Show one event with its body.")
def event(
    event_id: Annotated[
        str, typer.Argument(metavar="ID", help="The sender's id of the event, or the message id of a quarantined one.")
    ],
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="The source it is of. Default: any.")] = None,
    body_to: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the body's exact bytes there; - is standard output, alone."),
    ] = None,
    env: EnvOption = "local",
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one event: all that is known of it, its body, and others that came with the same id but another body.

    The body is shown when it is readable text, else the beginning of it in hexadecimal. --json has it whole, in base64.
    Of an event whose lane has an effect it tells the attempts and the last error, when the next one is due or how it
    ended. An event that is due waits on while its lane's circuit is open: then it tells until when. Exits with 1 after
    all the rest when the body is not whole yet: a large one is stored in several parts.

    \b
    Examples:
      webhookctl event evt_1Nv0FGQ9RKHgCVdK
      webhookctl event evt_1Nv0FGQ9RKHgCVdK --body-to - --env prod | jq .
    """
    from webhookctl.environment import choose_environment
    from webhookctl.event_view import Attempts, show_record, write_record
    from webhookctl.events import Table, find_only, whole_body
    from webhookctl.faults import explained_faults

    if as_json and body_to == STDIN:
        raise WrongUsage("--json and --body-to - would both write to standard output; --json has the body, too.")
    environment = choose_environment(env, region=region, profile=profile)
    sources = [environment.source(source).name] if source else sorted(environment.sources)
    with explained_faults(environment):
        table = Table(environment.dynamodb(), environment.table_name)
        record = find_only(table, sources, event_id)
        sender = environment.source(record.entry.row.source)
        circuit = table.circuit(sender.name) if record.entry.row.is_waiting else None
    if body_to == STDIN:
        write_bytes(whole_body(record.entry))
        return
    if body_to and record.entry.body is not None:
        _write_file(body_to, record.entry.body)
    if as_json:
        write_record(record, sender.attempts)
    else:
        resume = f"webhookctl resume {sender.name}" + ("" if environment.is_local else f" --env {environment.label}")
        show_record(record, Attempts(sender.attempts, circuit, resume), time.time())
    for entry in (record.entry, *record.conflicts):
        whole_body(entry)


@app.command(short_help="Show which of a source's keys can be retired.")
def keys(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source, as the environment names it.")],
    env: EnvOption = "local",
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a source's live keys by their ids: where each stands in the secret, when it last signed, if it can go.

    Live are those in the secret's current and previous version. A key is safe to retire unless it is the only one, it
    signed a webhook within 24 hours (senders retry), no other key signed one since, or messages wait in the lane's
    queue or dead-letter queue, which may be signed with it. A use is known some five minutes late at most. No key is
    ever printed.

    \b
    Examples:
      webhookctl keys github
      webhookctl keys github --env prod --json | jq '.keys[] | select(.safe_to_retire) | .key_id'
    """
    from webhookctl.environment import choose_environment
    from webhookctl.faults import explained_faults
    from webhookctl.keys import report_keys
    from webhookctl.keys_view import show_keys, write_keys

    environment = choose_environment(env, region=region, profile=profile)
    sender = environment.source(source)
    with explained_faults(environment):
        report = report_keys(environment, sender, datetime.now(UTC))
    if as_json:
        write_keys(report)
    else:
        show_keys(report)


@app.command(short_help="Show what each source's lane is doing.")
def lanes(
    env: EnvOption = "local",
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each source's lane: its effect, what its queues hold, and whether its circuit is closed, open or paused.

    In flight are messages at work, and those put off: a failed event waits for its next attempt there. The
    counts are SQS's own, which settle within about a minute. An open circuit lets one attempt through at a time, to
    find out whether the backend works again; a paused one lets none through until it is resumed.

    \b
    Examples:
      webhookctl lanes --env prod
      webhookctl lanes --env prod --json | jq '.lanes[] | select(.dead_lettered > 0) | .source'
    """
    from webhookctl.environment import choose_environment
    from webhookctl.faults import explained_faults
    from webhookctl.lanes import read_lanes
    from webhookctl.lanes_view import show_lanes, write_lanes

    environment = choose_environment(env, region=region, profile=profile)
    with explained_faults(environment):
        found = read_lanes(environment)
    if as_json:
        write_lanes(found)
    else:
        show_lanes(found, environment, time.time())


@app.command(short_help="Let a paused lane work again.")
def resume(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source, as the environment names it.")],
    env: EnvOption = "local",
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a lane's circuit, so that its effect is attempted again: after a pause, or before an open one's next probe.

    A lane is paused when its backend said that it wants no more (410 Gone): have that put right first, or it is paused
    again. What was put off is attempted within a quarter of an hour. Of a lane that is neither paused nor open it says
    so, and exits with 0.

    \b
    Examples:
      webhookctl resume orders
      webhookctl resume orders --env prod --json
    """
    from webhookctl.environment import choose_environment
    from webhookctl.faults import explained_faults
    from webhookctl.lanes import resume_lane
    from webhookctl.lanes_view import show_resumed, write_resumed

    environment = choose_environment(env, region=region, profile=profile)
    resumed = environment.source(source)
    with explained_faults(environment):
        found = resume_lane(environment, resumed)
    if as_json:
        write_resumed(resumed, found)
    else:
        show_resumed(resumed, found, time.time())


@app.command(short_help="What would a load do? On paper.")
def simulate(
    rate: Annotated[
        float | None, typer.Option(metavar="R", help="Requests a second, for --seconds; or of a --burst.")
    ] = None,
    burst: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many requests within --seconds (1), or at a --rate.")
    ] = None,
    arrivals: Annotated[
        str | None,
        typer.Option(metavar="FILE.csv|-", help="Lines of second,requests: so many in the second that begins then."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="How long. Default: 60 of a rate, 1 of a burst.", show_default=False),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Take the limits of this source, as they were applied.")
    ] = None,
    env: EnvOption = "local",
    profile: ProfileOption = None,
    max_concurrency: Annotated[
        int | None, typer.Option(min=2, max=1000, metavar="N", help="Most processors at once. Default: 2.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=10_000, metavar="N", help="Most events in a batch. Default: 10.")
    ] = None,
    window_seconds: Annotated[
        float | None, typer.Option(min=0, max=300, metavar="S", help="How long a batch is gathered. Default: 0.")
    ] = None,
    timeout_seconds: Annotated[
        float | None, typer.Option(min=1, max=900, metavar="S", help="Longest run of a batch. Default: 30.")
    ] = None,
    max_receive_count: Annotated[
        int | None, typer.Option(min=1, max=1000, metavar="N", help="Attempts of a lane that only stores. Default: 5.")
    ] = None,
    route_rate: Annotated[
        float | None, typer.Option(min=0, metavar="R", help="The route's rate_per_second. Default: 100.")
    ] = None,
    route_burst: Annotated[
        float | None, typer.Option(min=1, metavar="N", help="The route's burst. Default: 200.")
    ] = None,
    handler_ms: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="MS", help="What each event takes, in turn; the median. Default: 1.", show_default=False
        ),
    ] = None,
    handler_p99_ms: Annotated[
        float | None, typer.Option(min=0, metavar="MS", help="What one in a hundred takes: then it is lognormal.")
    ] = None,
    call_ms: Annotated[float, typer.Option(min=0, metavar="MS", help="What each batch takes besides.")] = 15,
    cold_start_ms: Annotated[float, typer.Option(min=0, metavar="MS", help="A processor's start.")] = 800,
    failures: Annotated[
        float, typer.Option(min=0, max=1, metavar="P", help="Share of attempts that fail, by chance.")
    ] = 0,
    authorizer_ms: Annotated[float, typer.Option(min=0, metavar="MS", help="What each authorizer takes.")] = 8,
    authorizer_cold_start_ms: Annotated[float, typer.Option(min=0, metavar="MS", help="An authorizer's start.")] = 250,
    warm_authorizers: Annotated[int, typer.Option(min=0, metavar="N", help="So many are there from the start.")] = 0,
    account_rate: Annotated[
        float,
        typer.Option(min=1, metavar="R", help="API Gateway's requests a second in the account; its burst is half."),
    ] = 10_000,
    account_concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="Lambda's concurrent executions in the account.")
    ] = 1_000,
    sender_retries: Annotated[
        str | None, typer.Option(metavar="S,S,...", help="Delays after which what was refused is sent again.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same result.")] = 0,
    plot: Annotated[str | None, typer.Option(metavar="FILE.svg", help="Draw it, too: .svg, .png or .pdf.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What a load would do to a lane on AWS, event by event, by a model: nothing is sent, and AWS is not asked.

    Shows the backlog, how long events take from API Gateway's receipt until they are done, when the queue is empty,
    what is in flight and at work at once against the limits, and what a million cost; and which limit is met first,
    when, and what to change. docs/scale.md says what is modelled, from which documents, and what is assumed.

    \b
    Examples:
      webhookctl simulate --rate 500 --seconds 120 --route-rate 1000 --max-concurrency 20
      webhookctl simulate --burst 20000 --seconds 10 --source relay --handler-ms 120
      webhookctl simulate --arrivals pattern.csv --env prod --source shop --plot shop.svg
      webhookctl simulate --rate 400 --route-rate 500 --json | jq '.limits_met[0]'
    """
    from webhookctl.applied_lane import read_lane
    from webhookctl.load import Load, read_load
    from webhookctl.scenario import Given, scenario_of
    from webhookctl.simulate_view import show_simulated, shown_progress, write_simulated
    from webhookctl.simulated import run_scenario
    from webhookctl.simulation.arrivals import total

    pattern = read_load(Load(arrivals=arrivals, burst=burst, rate_per_second=rate, seconds=seconds))
    given = Given(
        route_rate=route_rate,
        route_burst=route_burst,
        max_concurrency=max_concurrency,
        batch_size=batch_size,
        window_seconds=window_seconds,
        timeout_seconds=timeout_seconds,
        max_receive_count=max_receive_count,
        handler_ms=handler_ms,
        handler_p99_ms=handler_p99_ms,
        call_ms=call_ms,
        cold_start_ms=cold_start_ms,
        failures=failures,
        authorizer_ms=authorizer_ms,
        authorizer_cold_start_ms=authorizer_cold_start_ms,
        warm_authorizers=warm_authorizers,
        account_rate=account_rate,
        account_concurrency=account_concurrency,
        sender_retries=sender_retries,
    )
    scenario = scenario_of(pattern, given, read_lane(source, env, profile) if source else None)
    if plot is not None:
        from webhookctl.simulate_plot import check_plot

        check_plot(plot)
    with shown_progress(total(pattern)) as on_progress:
        simulated = run_scenario(scenario, seed, on_progress)
    if plot is not None:
        from webhookctl.simulate_plot import write_plot

        write_plot(simulated, plot)
    if as_json:
        write_simulated(simulated)
    else:
        show_simulated(simulated)


@local.command(short_help="Start it, and show what passes through.")
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port of the endpoint; 0 is any.")] = 8080,
    env_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Terraform environment to run. Default: envs/dev.", show_default=False),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Apply it even if nothing changed since it was.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines in place of a table that changes.")] = False,
    postgres: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A login as above, for the lanes with an effect in PostgreSQL."),
    ] = None,
) -> None:
    """Run an environment on this machine until Ctrl-C: no AWS account, no Docker.

    Terraform applies a copy of the environment, unmodified, to a stand-in for AWS, which takes minutes, and again only
    after a change. The Lambda packages then run as they are, behind an API Gateway, queues and a table of this machine
    alone. Secrets are made up. Nothing is kept from one start to the next.

    The PostgreSQL is yours, with the tables that docs/effects.md names; without --postgres its lanes wait. Of a server
    on this machine the file says:
      {"host": "127.0.0.1", "port": 5432, "dbname": "...", "username": "...", "password": "...", "sslmode": "disable"}

    What stands still is told above the counts: a lane whose circuit is open, and a function that does not start.

    \b
    Examples:
      webhookctl local up --port 8081
      webhookctl local up --postgres login.json
    """
    from webhookctl.local_up import local_up

    local_up(env_dir or DEV, port=port, apply=apply, plain=plain, postgres_file=postgres)


@local.command(short_help="Send real input through all of it, and check where everything ended.")
def demo() -> None:
    """Start envs/dev on this machine, send published examples and 2,000 mixed webhooks, and account for every one.

    Ends by itself. Exits with 1 when an accepted webhook is missing, a body differs by a byte, an event has two
    effects, a forgery was stored, or more processors ran at once than a lane may have.
    """
    from webhookctl.local_demo import local_demo

    if not local_demo(DEV):
        raise typer.Exit(FAILED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C."""
    try:
        return int(app(args=arguments, prog_name="webhookctl", standalone_mode=False) or 0)
    except typer.TyperException as error:
        _show_usage(error)
        return error.exit_code
    except Failure as error:
        _show_error(str(error))
        return error.exit_code


def _needed_url(named: NamedScheme, url: str | None) -> str:
    if url is None and named.scheme.signs_url:
        raise WrongUsage(f"--url is needed: {named.name} signs the URL that the webhook is sent to.")
    if url is not None and not re.fullmatch(r"https?://[^/?#\s]+(/[^#\s]*)?", url):
        raise WrongUsage(
            "--url must be a whole one as the sender has it, such as https://hooks.example.com/webhooks/x."
        )
    return url or ""


def _check_inputs(secret_file: str | None, body_file: str) -> None:
    if secret_file == STDIN and body_file == STDIN:
        raise WrongUsage("The secret and the body can't both come from standard input.")


def _read_secret_file(named: NamedScheme, path: str | None) -> bytes:
    if named.scheme.kind == "unsigned":
        return b""
    if path is None:
        raise WrongUsage(f"Scheme {named.name} needs the sender's secret: give the file it is in with --secret-file.")
    return read_bytes(path)


def _read_keys(named: NamedScheme, path: str | None) -> Sequence[Key]:
    from webhookctl.signing import UnusableSecret, keys_in

    try:
        return keys_in(_text_of(_read_secret_file(named, path)), named.scheme, path or "")
    except UnusableSecret as error:
        raise WrongUsage(str(error)) from None


def _text_of(secret: bytes) -> str:
    try:
        return secret.decode("utf-8")
    except UnicodeDecodeError:
        raise WrongUsage("The secret file is not UTF-8 text.") from None


def _write_file(path: str, content: bytes) -> None:
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise WrongUsage(f"Can't write {path}: {(error.strerror or str(error)).lower()}.") from None


def _show_usage(error: typer.TyperException) -> None:
    message = error.format_message().replace("Value error, ", "")  # by which Pydantic begins
    if message.startswith("Usage:"):  # a command without what it needs shows its help instead
        sys.stderr.write(f"{message}\n")
        return
    context: typer.Context | None = getattr(error, "ctx", None)
    _show_error(f"{message.rstrip('.')}.")
    if context is not None:
        write_error(f"See: {context.command_path} --help")


def _show_error(sentence: str) -> None:
    write_error(f"{styled('Error:', 'bad', sys.stderr)} {sentence}")
