"""Eight processes that ask without pause while the nightly run writes and publishes."""

from __future__ import annotations

import gzip
import os
import shutil
import traceback
from multiprocessing.synchronize import Event, Semaphore
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


def ask(root: str, begun: Semaphore, stop: Event, results: Any) -> None:
    """Put what one reader saw, and how often it asked; or how it failed."""
    os.nice(19)  # The writer gets through on a machine of two processors, too.
    try:
        results.put(asked(root, begun, stop))
    except BaseException:  # noqa: BLE001 - told to the test, whatever it is
        results.put(traceback.format_exc())


def asked(root: str, begun: Semaphore, stop: Event) -> tuple[set[Any], int]:
    """Open the lake again and again, once more at the end; one opening shows one moment."""
    import lake

    seen: set[Any] = set()
    loops, last = 0, False
    while not last:
        last = stop.is_set()
        with lake.connect(root) as db:
            first = db.sql(STATE).fetchall()[0]
            symbols = db.bars(["NA", "QUAD"]).arrow()
            assert db.sql(STATE).fetchall()[0] == first
            assert str(max(symbols["date"].to_pylist())) <= first[1]
        seen.add(first)
        loops += 1
        begun.release()
    return seen, loops


@pytest.mark.slow(40)
def test_readers_see_one_snapshot_each(ran: Ran, tmp_path: Path) -> None:
    source, layout = tmp_path / "market", Layout(tmp_path / "lake")
    shutil.copytree(ran.layout.root, layout.root, symlinks=True)
    shutil.copytree(ran.source / DAY, source / DAY)
    *_, newest = sorted((source / DAY).rglob("*.csv.gz"))
    before = tables(layout)

    context = forking()
    begun, stop, results = context.Semaphore(0), context.Event(), context.Queue()
    shared = (str(layout.root), begun, stop, results)
    readers = [context.Process(target=ask, args=shared) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for _ in readers:
            assert begun.acquire(timeout=120)
        # The vendor takes a row back.
        rows = gzip.decompress(newest.read_bytes()).splitlines(keepends=True)
        newest.write_bytes(gzip.compress(b"".join(rows[:-1])))
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
    assert sum(loops for _, loops in answers) > 2 * READERS
    assert all(state[0] == state[3] for state in states)
