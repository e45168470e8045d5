"""Expired options on their way out of silver: each row in one place, whatever happens."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import lake
from lake import catalog
from lake.archive import LEDGER, files
from lake.errors import QueryFailed
from lake.layout import Layout
from lake.maintenance import expired
from tests.dbt_project.bronze import attached
from tests.forked import forking
from tests.lake.market import publish

NAME, JUNE = "options_daily", date(2024, 6, 1)
LATER = datetime.now(UTC) + timedelta(days=2)


def rows(layout: Layout, schema: str = "archive") -> list[tuple[object, ...]]:
    with lake.connect(layout.root) as db:
        return db.sql(f"SELECT * FROM {schema}.{NAME} ORDER BY ALL").fetchall()


def archive(root: Path) -> expired.Month:
    """June leaves silver."""
    layout = Layout(root)
    with attached(layout.root, read_only=False) as connection:
        served = catalog.published(layout)[NAME]
        return expired.archive(connection, layout, NAME, served, JUNE)


def on_disk(layout: Layout) -> list[Path]:
    return sorted(layout.expired_options(NAME).glob("*"))


def test_readers_move_with_what_is_published(own: Layout) -> None:
    before = rows(own)
    with attached(own.root, read_only=False) as connection:
        assert expired.due(connection, [NAME, "stocks_daily"], JUNE) == []
        assert expired.due(connection, [NAME], date(2024, 7, 1)) == [(NAME, JUNE)]
    assert archive(own.root).rows == len(before)
    # Nobody sees it before it is published.
    assert rows(own) == rows(own, "silver") == before
    with attached(own.root, read_only=False) as connection:
        publish(own, connection, "second")
    assert rows(own, "silver") == []
    assert rows(own) == before
    with lake.connect(own.root) as db:
        ticker = str(before[0][0])
        assert len(db.bars(ticker).fetchall()) == sum(row[0] == ticker for row in before)
        assert db.chain("AAPL").fetchall()


def test_what_is_not_published_stays(own: Layout) -> None:
    with attached(own.root, read_only=False) as connection:
        connection.execute(
            f"UPDATE lake.silver.{NAME} SET high = high + 1 WHERE date = '2024-06-03'"
        )
    assert archive(own.root).bytes == 0
    assert on_disk(own) == []


def test_a_missing_file_fails_its_own_queries_alone(own: Layout) -> None:
    archive(own.root)
    with attached(own.root, read_only=False) as connection:
        publish(own, connection, "second")
    [path] = on_disk(own)
    path.unlink()
    with lake.connect(own.root) as db:
        assert db.bars("NA").fetchall()
        for question in (
            db.sql(f"SELECT count(*) FROM archive.{NAME}"),
            db.sql(f"SELECT max(date) FROM archive.{NAME} WHERE strike_price = 1 LIMIT 1"),
            db.chain("AAPL", "2024-06-03"),
        ):
            with pytest.raises(QueryFailed, match=f"{path.name} is missing; put it back, or run"):
                question.fetchall()


def test_files_are_deleted_once_nothing_can_need_them(own: Layout) -> None:
    archive(own.root)
    [listed] = on_disk(own)
    for name in ("2024-06.killed.parquet", ".2024-06.killed.parquet.tmp"):
        (listed.parent / name).touch()
    with attached(own.root, read_only=False) as connection:
        assert expired.clean(connection, own, LATER) == 2
        connection.execute(f"UPDATE {LEDGER} SET restored = now()")
        # Snapshots from before it came back are still there.
        assert expired.clean(connection, own, LATER) == 0
        newest = "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"
        old = f"snapshot_id < ({newest})"
        sql = f"SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE {old}"
        versions = [number for (number,) in connection.execute(sql).fetchall()]
        connection.execute(f"CALL ducklake_expire_snapshots('lake', versions => {versions})")
        assert expired.clean(connection, own, datetime.now(UTC) - timedelta(days=1)) == 0
        assert on_disk(own) == [listed]
        assert expired.clean(connection, own, LATER) == 1
        assert expired.clean(connection, own, LATER) == 0


def killed(root: Path, event: str, place: str, seconds: float) -> None:
    """Archive until an event of Python's at some place, and so many seconds on."""

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        if name == event and str(arguments[0]).endswith(place):
            threading.Timer(seconds, kill).start() if seconds else kill()

    sys.addaudithook(hook)
    archive(root)


@pytest.mark.slow(30)
def test_a_kill_leaves_each_row_in_one_place(own: Layout) -> None:
    before, left = rows(own), set()
    # The file is written; it has its name; then within the transaction.
    moments = [("os.rename", ".tmp", 0.0), *(("open", NAME, n) for n in (0.0, 0.03, 0.07, 0.1))]
    for moment in moments:
        process = forking().Process(target=killed, args=(own.root, *moment))
        process.start()
        process.join()
        with attached(own.root, read_only=False) as connection:
            newest = publish(own, connection, str(moment))
            counts = files(connection, own, NAME, newest)
        left.add((len(counts), len(on_disk(own))))
        assert rows(own) == before
        assert len(rows(own, "silver")) == (0 if counts else len(before))
        if counts:
            break
    # A file that does not count is all that a kill left.
    assert (0, 1) in left
    with attached(own.root, read_only=False) as connection:
        expired.clean(connection, own, LATER)
    assert on_disk(own) == counts
