from pathlib import Path

from tests.e2e.conftest import PROJECT
from webhookctl.local.demo.audit import Answer
from webhookctl.local.demo.delivery import Kind
from webhookctl.local.demo.run import demonstrate
from webhookctl.local.state import State


class Silent:
    def begin(self, what: str, total: int | None) -> None:
        pass

    def advance(self, answer: Answer) -> None:
        pass


async def test_every_promise_is_kept_under_a_mixed_burst(state: State, tmp_path: Path) -> None:
    seen = await demonstrate(
        state, build_dir=PROJECT / "build", cache_dir=tmp_path, progress=Silent(), burst_size=1_000
    )
    assert seen.problems == []
    rows = seen.audit.rows
    assert {kind: row.sent for kind, row in rows.items() if not row.sent} == {}
    assert rows[Kind.PUBLISHED].stored == rows[Kind.PUBLISHED].sent == 3
    assert rows[Kind.HOSTILE_BODY].stored == rows[Kind.HOSTILE_BODY].sent
    assert rows[Kind.FORGED].quarantined == rows[Kind.FORGED].sent
    # The metrics tell the same as the table.
    assert sum(lane.stored for lane in seen.lanes) == sum(row.stored for row in rows.values())
    assert sum(lane.quarantines for lane in seen.lanes) == sum(row.quarantined for row in rows.values())
    assert sum(lane.accepted for lane in seen.lanes) == seen.accepted
    assert any(lane.peak == lane.maximum for lane in seen.lanes)
