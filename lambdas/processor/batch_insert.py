"""A batch of a lane that only stores: its new events are inserted many at a time, the others are decided one by one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from processor.attempt import Attempted
from processor.event import Event, Outcome, Quarantined, Result
from processor.insert import MAX_STATEMENTS, Answer, There, insert
from processor.process import Lane, event_result, finish, read
from processor.queue import Record
from processor.store import Item

Message = Event | Quarantined | Exception
"""What a record holds, or why that can't be said."""

Fate = Result | Exception
"""What became of a record, or why it comes back."""


class OutOfTime(Exception):
    """Too little time was left to begin this."""


def is_inserted(records: Sequence[Record], lane: Lane) -> bool:
    """Whether a batch is one to insert.

    A body's marker is written before its event, a message of a group after the one before it, and a message alone is
    better off with PutItem, which shows what is there without a read.
    """
    grouped = any(record["attributes"].get("MessageGroupId") for record in records)
    return lane.effect is None and lane.settings.deduplicate_by != "both" and not grouped and len(records) > 1


def insert_batch(
    records: Sequence[Record], lane: Lane, remaining_ms: Callable[[], int], reserved_ms: int
) -> Iterator[Fate]:
    """Each record's fate, in their order: the one that it would have if they were processed one after the other.

    Nothing is begun with less than `reserved_ms` left, which is time for two calls that fail: an insert and the read
    after it, or an event's and a conflict's write. The first record is begun however little it is.
    """

    def may_begin(position: int) -> bool:
        return position == 0 or remaining_ms() >= reserved_ms

    messages: list[Message] = []
    answers = dict(_inserted(_items(records, messages, lane, may_begin), lane, may_begin))
    for position, (record, message) in enumerate(zip(records, messages, strict=True)):
        answer = answers.get(message.id) if isinstance(message, Event) else None
        if isinstance(message, Exception):
            yield message
        elif isinstance(answer, Exception):
            yield answer
        elif isinstance(message, Event) and isinstance(answer, There) and answer.new:
            answers[message.id] = answer._replace(new=False)  # which is what the next one with its id finds
            yield event_result(message, Attempted(Outcome.STORED))
        elif not may_begin(position):
            yield OutOfTime()
        else:
            yield _decided(message, answer, record, lane, remaining_ms)


def _read(record: Record, lane: Lane) -> Message:
    try:
        return read(record, lane)
    except Exception as error:  # noqa: BLE001 - whatever it is, the message must come back and its neighbours go on
        return error


def _items(
    records: Sequence[Record], messages: list[Message], lane: Lane, may_begin: Callable[[int], bool]
) -> Iterator[tuple[int, str, Item]]:
    """The first event of each id, with its place, where one statement can hold it. Appends what each record holds.

    Records are read as items are asked for: of a batch that is too large for its time, what was read is inserted.
    """
    seen: set[str] = set()
    for position, record in enumerate(records):
        message = _read(record, lane) if may_begin(position) else OutOfTime()
        messages.append(message)
        if not isinstance(message, Event) or message.id in seen:
            continue
        seen.add(message.id)
        item = None
        with suppress(Exception):  # PutItem comes upon it again, where it is this record's alone
            item = lane.store.event_item(message, lane.clock())
        if item is not None:
            yield position, message.id, item


def _inserted(
    items: Iterator[tuple[int, str, Item]], lane: Lane, may_begin: Callable[[int], bool]
) -> Iterator[tuple[str, Answer]]:
    """What is under each event's id once the first with it was inserted. All are of one source: ids are keys."""
    while chunk := list(islice(items, MAX_STATEMENTS)):
        ids = [event_id for _, event_id, _ in chunk]
        if may_begin(chunk[0][0]):
            yield from zip(ids, insert([item for *_, item in chunk], lane.store, lane.clock()), strict=True)
        else:
            yield from dict.fromkeys(ids, OutOfTime()).items()


def _decided(
    message: Event | Quarantined, answer: There | None, record: Record, lane: Lane, remaining_ms: Callable[[], int]
) -> Fate:
    try:
        if isinstance(message, Event) and answer is not None:
            return event_result(message, Attempted(lane.store.put_again(message, answer.item, lane.clock())))
        return finish(message, record, lane, remaining_ms)
    except Exception as error:  # noqa: BLE001 - whatever it is, the message must come back and its neighbours go on
        return error
