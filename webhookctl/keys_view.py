"""How a source's keys are shown: by their ids alone, never a key itself."""

from typing import Any

from webhookctl.keys import IN_USE_HOURS, KeyReport, LiveKey, Obstacle, Place
from webhookctl.output import iso, styled, utc, write, write_json

SAFE = "safe to retire"

_HEADINGS = ("key id", "version", "last used", "retire")
_OBSTACLES = {
    Obstacle.ONLY_KEY: "no: it is the only key",
    Obstacle.IN_USE: f"no: used within {IN_USE_HOURS} hours",
    Obstacle.NO_OTHER_SINCE: "no: no other was used since",
    Obstacle.MESSAGES_WAITING: "no: messages wait, see below",
}


def show_keys(report: KeyReport) -> None:
    """For people: a line for each key, and what waits in the queues."""
    rows = [_HEADINGS, *map(_row, report.keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        *cells, last = row
        line = "  ".join([*(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)), last])
        write(styled(line, "bold") if row is _HEADINGS else line)
    write()
    write(
        f"Messages that wait, and may be signed with any of them: {report.waiting.queue:,} in the queue, "
        f"{report.waiting.dead_letter_queue:,} in the dead-letter queue."
    )


def write_keys(report: KeyReport) -> None:
    """For programs: one document."""
    write_json(
        {
            "source": report.source.name,
            "secret": report.source.secret_name,
            "keys": [_document(key) for key in report.keys],
            "messages_waiting": {
                "queue": report.waiting.queue,
                "dead_letter_queue": report.waiting.dead_letter_queue,
            },
        }
    )


def _row(key: LiveKey) -> tuple[str, str, str, str]:
    last_used = "never" if key.last_used_at_ms is None else utc(key.last_used_at_ms / 1000)
    return key.id, _place(key.place), last_used, _OBSTACLES[key.obstacle] if key.obstacle else SAFE


def _place(place: Place) -> str:
    return f"{place.version}, {place.position} of {place.count}" if place.count > 1 else place.version.value


def _document(key: LiveKey) -> dict[str, Any]:
    return {
        "key_id": key.id,
        "version": key.place.version.value,
        "position": key.place.position,
        "last_used_at": None if key.last_used_at_ms is None else iso(key.last_used_at_ms / 1000),
        "safe_to_retire": key.obstacle is None,
        "obstacle": key.obstacle,
    }
