"""Upkeep of a small lake: nothing that is needed goes, and every kept state stays as it was."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from lake import changes, engine
from lake.attaching import attach_sql, install_extensions
from lake.layout import Layout
from lake.maintenance import backup, snapshots
from lake.maintenance.compact import compact, files

DAYS = 6
SOON = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "lake")
    found.catalog.parent.mkdir(parents=True)
    return found


@pytest.fixture
def lake(layout: Layout) -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables `busy`, a file a day, and `still`, which never changes after its first rows."""
    with engine.connect("512MiB", 1, layout.temp) as connection:
        install_extensions(connection)
        connection.execute(attach_sql(layout, read_only=False))
        connection.execute("CREATE SCHEMA lake.silver")
        for name in ("busy", "still"):
            table = f"lake.silver.{name}"
            connection.execute(f"CREATE TABLE {table} (date DATE, symbol VARCHAR, n INT)")
            connection.execute(f"ALTER TABLE {table} SET SORTED BY (symbol, date)")
        insert(connection, "still", 0)
        for day in range(DAYS):
            insert(connection, "busy", day)
        yield connection


def insert(lake: duckdb.DuckDBPyConnection, table: str, day: int, n: int = 0) -> None:
    lake.execute(
        f"INSERT INTO lake.silver.{table} SELECT DATE '2024-01-01' + {day}, 'S' || i, {n} + i "
        "FROM range(100) AS r(i)"
    )


def restate(lake: duckdb.DuckDBPyConnection, day: int, n: int) -> None:
    """Half of the rows of a day, with a new value each."""
    where = f"date = DATE '2024-01-01' + {day} AND n % 2 = 0"
    lake.execute("BEGIN")
    lake.execute(f"DELETE FROM lake.silver.busy WHERE {where}")
    lake.execute(
        f"INSERT INTO lake.silver.busy SELECT DATE '2024-01-01' + {day}, 'S' || i, {n} + i "
        "FROM range(0, 100, 2) AS r(i)"
    )
    lake.execute("COMMIT")


def newest(lake: duckdb.DuckDBPyConnection) -> int:
    return numbers(lake)[-1]


def numbers(lake: duckdb.DuckDBPyConnection) -> list[int]:
    sql = "SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY ALL"
    return [number for (number,) in lake.execute(sql).fetchall()]


def state(lake: duckdb.DuckDBPyConnection, table: str, version: int) -> list[tuple[object, ...]]:
    sql = f"SELECT * FROM lake.silver.{table} AT (VERSION => {version}) ORDER BY ALL"
    return lake.execute(sql).fetchall()


def told(lake: duckdb.DuckDBPyConnection, start: int, end: int) -> list[tuple[object, ...]]:
    sql = (
        "SELECT * EXCLUDE (snapshot_id, rowid) "
        f"FROM ducklake_table_changes('lake', 'silver', 'busy', {start}, {end}) ORDER BY ALL"
    )
    return lake.execute(sql).fetchall()


def on_disk(layout: Layout) -> set[str]:
    return {path.name for path in layout.root.rglob("*.parquet")}


def test_every_state_and_change_survives_compaction(lake):
    begin = newest(lake)
    restate(lake, 2, 1000)
    insert(lake, "busy", DAYS)
    lake.execute("DELETE FROM lake.silver.busy WHERE date = DATE '2024-01-02'")
    end = newest(lake)
    versions = [number for number in numbers(lake) if number >= begin - 3]
    before = {number: state(lake, "busy", number) for number in versions}
    feeds = {number: told(lake, number, end) for number in versions}
    assert files(lake)["silver", "busy"].deletes

    [done] = compact(lake)
    assert (done.table, done.after.data) == ("silver.busy", 1)
    assert {number: state(lake, "busy", number) for number in versions} == before
    assert {number: told(lake, number, end) for number in versions} == feeds
    assert state(lake, "busy", newest(lake)) == before[end]
    [path] = lake.execute(
        "SELECT data_file FROM ducklake_list_files('lake', 'busy', schema => 'silver')"
    ).fetchall()
    rows = lake.execute("SELECT symbol, date FROM read_parquet(?)", path).fetchall()
    assert rows == sorted(rows)

    head = newest(lake)
    assert compact(lake) == []
    assert newest(lake) == head


def test_what_is_needed_stays_and_its_changes_can_be_told(lake, layout):
    changes.define(lake)
    still = newest(lake)
    published = still - DAYS
    for n in range(3):
        restate(lake, n, 1000 * n)
    needed = [("still", published), ("busy", still)]
    kept = {number: state(lake, "busy", number) for number in (published, still)}
    wanted = told(lake, still + 1, newest(lake))
    before = on_disk(layout)

    assert snapshots.expire(lake, needed, datetime.now(UTC) - timedelta(days=1)) == 0
    assert snapshots.expire(lake, needed, SOON) == still - 1
    assert numbers(lake) == [published, still, *range(still + 1, newest(lake) + 1)]
    snapshots.delete_scheduled(lake, SOON)
    assert on_disk(layout) <= before
    assert {number: state(lake, "busy", number) for number in kept} == kept
    assert told(lake, changes.feed_start(lake, "busy", still) or 0, newest(lake)) == wanted

    # Nothing that concerns `still` went; of `busy` the changes after `published` are lost.
    assert changes.first_change(lake, "still", published) is None
    assert changes.feed_start(lake, "still", published) == still
    assert changes.feed_start(lake, "busy", published) is None
    assert changes.feed_start(lake, "busy", published - 1) is None


def test_replaced_files_are_deleted_when_their_time_has_come(lake, layout):
    restate(lake, 1, 5)
    compact(lake)
    snapshots.expire(lake, [], SOON)
    rows = state(lake, "busy", newest(lake))
    before = on_disk(layout)
    assert snapshots.delete_scheduled(lake, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert on_disk(layout) == before
    deleted = snapshots.delete_scheduled(lake, SOON)
    assert deleted == len(before) - len(on_disk(layout)) > DAYS
    assert state(lake, "busy", newest(lake)) == rows
    assert snapshots.count(lake) == 1


def test_a_backup_is_the_catalog_of_its_moment(layout, lake, monkeypatch):
    rows, version = state(lake, "busy", newest(lake)), newest(lake)
    layout.published.write_text('{"busy": {}}')
    lake.execute("DETACH lake")
    folder = backup.back_up(layout, "compact", keep=2)
    assert folder is not None
    lake.execute(attach_sql(layout, read_only=False))
    lake.execute("DROP TABLE lake.silver.busy")
    lake.execute("DETACH lake")
    layout.published.unlink()

    for suffix in ("", "-wal", "-shm"):
        Path(f"{layout.catalog}{suffix}").unlink(missing_ok=True)
    for path in folder.iterdir():
        shutil.copy(path, layout.catalog.parent)
    lake.execute(attach_sql(layout, read_only=False))
    assert state(lake, "busy", version) == rows
    assert layout.published.exists()


def test_only_the_last_backups_are_kept(layout, tmp_path):
    assert backup.back_up(layout, "expire", keep=2) is None
    assert backup.oldest(layout) <= datetime.now(UTC)
    layout.catalog.touch()
    made = [backup.back_up(layout, "expire", keep=2) for _ in range(3)]
    assert backup.backups(layout) == made[1:]
    assert datetime.now(UTC) - timedelta(minutes=10) < backup.oldest(layout) < datetime.now(UTC)


def test_a_damaged_catalog_is_seen_and_set_aside(layout):
    assert backup.is_sound(layout)
    layout.catalog.touch()
    assert not backup.is_sound(layout)
    with sqlite3.connect(layout.catalog) as catalog:
        catalog.execute("CREATE TABLE ducklake_snapshot (snapshot_id BIGINT)")
    assert backup.is_sound(layout)
    layout.catalog.write_bytes(b"SQLite format 3\0, more or less" * 500)
    assert not backup.is_sound(layout)
    layout.published.write_text("{}")
    folder = backup.set_aside(layout)
    assert folder
    assert {path.name for path in folder.iterdir()} == {"catalog.sqlite", "published.json"}
    assert not layout.catalog.exists()


def test_a_table_that_is_made_anew_is_served_as_it_was_published(lake):
    version = newest(lake)
    rows = state(lake, "busy", version)
    lake.execute("CREATE OR REPLACE TABLE lake.silver.busy AS SELECT 1 AS other")
    snapshots.expire(lake, [("busy", version)], SOON)
    compact(lake)
    snapshots.delete_scheduled(lake, SOON)
    assert state(lake, "busy", version) == rows
