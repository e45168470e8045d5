"""Eight processes that ask without pause while the nightly run writes and publishes."""

from __future__ import annotations

import os
import shutil
import traceback
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from lake.catalog import tables
from lake.layout import Layout
from tests.conftest import Ran, run
from tests.forked import forking

DAY = "us_stocks_sip/day_aggs_v1"
READERS = 8
STATE = """
    SELECT (SELECT count(*) FROM silver.stocks_daily),
        (SELECT max(date) FROM silver.stocks_daily)::varchar,
        (SELECT count(*) FROM silver.stocks_weekly),
        (SELECT sum(days) FROM silver.stocks_weekly)::bigint
"""


def ask(root: str, stop: Event, results: Any) -> None:
    """Put what one reader saw, and how often it asked; or how it failed."""
    os.nice(19)  # The writer gets through on a machine of two processors, too.
    try:
        results.put(asked(root, stop))
    except BaseException:  # noqa: BLE001 - told to the test, whatever it is
        results.put(traceback.format_exc())


def asked(root: str, stop: Event) -> tuple[set[Any], int]:
    """Open the lake again and again; within one opening all must be of one moment."""
    import lake

    seen: set[Any] = set()
    loops = 0
    while not (stop.is_set() and loops):
        with lake.connect(root) as db:
            first = db.sql(STATE).fetchall()[0]
            symbols = db.bars(["NA", "QUAD"]).arrow()
            assert db.sql(STATE).fetchall()[0] == first
            assert str(max(symbols["date"].to_pylist())) <= first[1]
        seen.add(first)
        loops += 1
    return seen, loops


@pytest.mark.slow(40)
def test_readers_see_one_snapshot_each(ran: Ran, tmp_path: Path) -> None:
    source = tmp_path / "market"
    shutil.copytree(ran.source / DAY, source / DAY)
    *_, newest = sorted((source / DAY).rglob("*.csv.gz"))
    later = newest.rename(tmp_path / newest.name)
    layout = Layout(tmp_path / "lake")
    run(layout.root, source, "stocks_daily")
    before = tables(layout)

    context = forking()
    stop, results = context.Event(), context.Queue()
    readers = [
        context.Process(target=ask, args=(str(layout.root), stop, results)) for _ in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        later.rename(newest)
        run(layout.root, source, "stocks_daily")
    finally:
        stop.set()
        answers = [results.get(timeout=120) for _ in readers]
        for reader in readers:
            reader.join()
    assert [answer for answer in answers if isinstance(answer, str)] == []
    assert tables(layout) != before
    states = set().union(*(seen for seen, _ in answers))
    # The state of either publication, and no other; some have read while it was written.
    assert len(states) == 2
    assert max(loops for _, loops in answers) > 1
    assert all(state[0] == state[3] for state in states)
