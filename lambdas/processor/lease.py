"""Who may attempt an event's effect: the states of an event in a lane that has one, and what each allows.

                      ┌───────── lease expired: crash, time-out ─────────┐
                      ▼                                                  │
    (new) ────────▶ running ──┬── returned ─────────────▶ done           │
                      ▲  ▲    ├── Reject ───────────────▶ rejected       │
                      │  │    ├── failed, attempts left ▶ waiting ──┐    │
                      │  │    ├── failed, none left ────▶ exhausted │    │
                      │  │    └── nothing more is heard ────────────┼────┘
                      │  └──────────── due ────────────────────────┘
                      └── redriven from the dead-letter queue: exhausted, attempts begin anew. A copy that was sent
                          before, and still lay in the queue, is a duplicate

Every arrow is one conditional write of the event's item, so that of two processors one makes it. `done` and `rejected`
have no way out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What the effect of an event is doing: its item's attribute `effect`."""

    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    REJECTED = "rejected"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Finished:
    """No attempt may be made again."""


@dataclass(frozen=True, slots=True)
class Busy:
    """No attempt may be made before then: one is running, or the next is not due."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Free:
    """An attempt may be made, of that number, by whoever changes the item first from what it is now."""

    attempt: int
    seen: Mapping[str, Any]


SEEN = ("effect", "attempts", "lease_owner", "next_attempt_at_ms")
"""Together they are never the same twice: each attempt has an owner of its own, or a time at which it is due."""


def allowed(item: Mapping[str, Any], now_ms: int, sent_ms: int) -> Finished | Busy | Free:
    """What may be done about an event's effect, by its item as boto3's client gives it, for a message of that time.

    A redriven message is a new one, sent when it was redriven (Amazon SQS Developer Guide, "Configuring a dead-letter
    queue redrive"): that is how it differs from a copy of one that was exhausted.

    An item without a state is of a time when its lane had no effect: it was stored, which was all there was to do.
    """
    state = item.get("effect", {}).get("S", State.DONE)
    if state in (State.DONE, State.REJECTED):
        return Finished()
    if state == State.EXHAUSTED and sent_ms <= int(item.get("effect_at_ms", {}).get("N", 0)):
        return Finished()
    due_ms = {
        State.RUNNING: int(item.get("lease_until_ms", {}).get("N", 0)),
        State.WAITING: int(item.get("next_attempt_at_ms", {}).get("N", 0)),
    }.get(State(state), 0)
    if now_ms < due_ms:
        return Busy(due_ms)
    made = 0 if state == State.EXHAUSTED else int(item["attempts"]["N"])
    return Free(made + 1, {name: item[name] for name in SEEN if name in item})
