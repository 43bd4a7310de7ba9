"""The table by which a database knows what it has done: a marker in it is committed with the effect, or not at all.

An attempt that was cut off after its commit, before anybody heard of it, is made again: it finds the marker, and does
nothing.
"""

MARKER_TABLE = "webhook_effects"
"""Looked for on the role's search_path. The role needs SELECT and INSERT on it; with a handler DELETE, too."""

SCHEMA = """
CREATE TABLE webhook_effects (
    idempotency_key text PRIMARY KEY,
    done_at timestamptz NOT NULL DEFAULT now()
);
"""
"""What the database's owner runs once. A marker may be deleted when no attempt at its event can be made any more: when
the event is neither in the lane's queue nor in its dead-letter queue."""
