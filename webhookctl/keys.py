"""A source's live keys: where each stands in the secret, when it last signed a webhook, and whether it can go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from common.keys import InvalidKey, Key, read_keys
from common.scheme import KeyEncoding
from processor.store import key_use
from webhookctl.environment import Environment, Source
from webhookctl.failure import Failure, WrongUsage
from webhookctl.queues import read_depth
from webhookctl.secret import read_live_versions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IN_USE_HOURS = 24
"""A key that signed a webhook within so long is in use: senders retry for about a day, and a retry can come with the
old signature."""


class Version(StrEnum):
    """The version of the secret that a key is in, by its staging label."""

    CURRENT = "current"
    PREVIOUS = "previous"


class Obstacle(StrEnum):
    """Why a key must not be retired."""

    ONLY_KEY = "only_key"
    IN_USE = "in_use"
    NO_OTHER_SINCE = "no_other_since"
    MESSAGES_WAITING = "messages_waiting"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands: which of how many, counted from 1, in one version of the secret."""

    version: Version
    position: int
    count: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages there are, about, whether they can be received now or not."""

    queue: int
    dead_letter_queue: int


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key by its id, never by its value. Without an `obstacle` it is safe to retire."""

    id: str
    place: Place
    last_used_at_ms: int | None
    obstacle: Obstacle | None


@dataclass(frozen=True, slots=True)
class KeyReport:
    """All that is known of a source's keys, the newest first."""

    source: Source
    keys: Sequence[LiveKey]
    waiting: Waiting


def report_keys(environment: Environment, source: Source, now: datetime) -> KeyReport:
    """Reads the secret, the table and the queues. Raises Failure, and what boto3 raises."""
    if source.secret_name is None:
        raise WrongUsage(f"The source {source.name} is unsigned: it has no keys.")
    try:
        places = key_places(read_live_versions(environment, source), source.scheme.key_encoding)
    except InvalidKey as error:
        raise Failure(f"The secret in {source.secret_name} can't be used: {error}.") from None
    dynamodb, sqs = environment.dynamodb(), environment.sqs()
    # The queues first: a message leaves its queue only after the use of its key was written, so none slips through.
    waiting = Waiting(read_depth(sqs, source.queue_url).total, read_depth(sqs, source.dead_letter_queue_url).total)
    uses = {key_id: _last_use(dynamodb, environment.table_name, source.name, key_id) for key_id in places}
    keys = [
        LiveKey(key_id, place, uses[key_id], find_obstacle(key_id, uses, waiting, now))
        for key_id, place in places.items()
    ]
    return KeyReport(source, keys, waiting)


def key_places(versions: Sequence[str], encoding: KeyEncoding) -> Mapping[str, Place]:
    """Where each live key stands, by its id; one that is in both versions in the current. Raises InvalidKey."""
    places: dict[str, Place] = {}
    keys = {Version.CURRENT: read_keys(versions[:1], encoding), Version.PREVIOUS: _keys_if_any(versions[1:], encoding)}
    for version, listed in keys.items():
        for position, key in enumerate(listed, 1):
            places.setdefault(key.id, Place(version, position, len(listed)))
    return places


def find_obstacle(key_id: str, uses: Mapping[str, int | None], waiting: Waiting, now: datetime) -> Obstacle | None:
    """What forbids to retire this key, if anything. `uses` has every live key, with the time of its last use in ms."""
    if len(uses) == 1:
        return Obstacle.ONLY_KEY
    last_use = uses[key_id] or 0
    if last_use > (now.timestamp() - IN_USE_HOURS * 3_600) * 1000:
        return Obstacle.IN_USE
    if not any(use > last_use for use in uses.values() if use is not None):
        return Obstacle.NO_OTHER_SINCE
    if waiting.queue or waiting.dead_letter_queue:
        return Obstacle.MESSAGES_WAITING
    return None


def _keys_if_any(versions: Sequence[str], encoding: KeyEncoding) -> tuple[Key, ...]:
    try:
        return read_keys(versions, encoding)
    except InvalidKey:  # of a previous version, which then counts for nothing, as it does for the processor
        return ()


def _last_use(client: "DynamoDBClient", table_name: str, source: str, key_id: str) -> int | None:
    item = client.get_item(TableName=table_name, Key=key_use(source, key_id), ConsistentRead=True).get("Item")
    return int(item["last_used_at_ms"]["N"]) if item else None
