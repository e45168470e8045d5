"""Silver and the archive together are what a full refresh gives (docs/decisions/010)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lake import catalog
from lake.archive import LEDGER, NAMES
from lake.calendar import exchange
from lake.layout import Layout
from lake.maintenance import expired
from lake.maintenance.snapshots import newest
from tests.dbt_project.bronze import attached, silver, write_contracts, write_day
from tests.dbt_project.conftest import Dbt

# One that expires in each of these months; ticker → the last day it trades.
EXPIRIES = {
    "O:AAA231215C00010000": date(2023, 12, 15),
    "O:AAA240119C00010000": date(2024, 1, 19),
    "O:BBB240216P00020500": date(2024, 2, 16),
    "O:BBB240419P00020500": date(2024, 4, 19),
}
DAYS = [session.date() for session in exchange().sessions_in_range("2023-12-01", "2024-03-01")]
DATASETS = ("stocks_daily", *NAMES)


def write(root: Path, day: date, seed: int = 0) -> None:
    """A bronze day of each data set, with the contracts that are alive."""
    alive = [ticker for ticker, last in EXPIRIES.items() if day <= last]
    for name in DATASETS:
        write_day(root, name, day, seed, contracts=alive)


def archived(root: Path) -> set[tuple[str, int]]:
    """Data set and month of what is in the archive."""
    with attached(root, read_only=True) as lake:
        sql = f"SELECT dataset, month(month) FROM {LEDGER} WHERE restored IS NULL"
        return set(lake.execute(sql).fetchall())


def everything(root: Path) -> dict[str, list[Any]]:
    """Every table of silver as it is published, archived rows included."""
    layout = Layout(root)
    with catalog.connect(layout, "1GB", 2) as lake:
        return {
            name: lake.sql(f"SELECT * FROM silver.{name} ORDER BY ALL").fetchall()
            for name in catalog.tables(layout)
        }


def archive(root: Path) -> None:
    """All that expired before March."""
    with attached(root, read_only=False) as lake:
        for name, month in expired.due(lake, NAMES, date(2024, 3, 1)):
            assert expired.archive(lake, Layout(root), name, newest(lake), month).bytes


@pytest.mark.slow(60)
def test_what_changed_comes_back_and_the_rest_stays(tmp_path: Path, dbt: Dbt) -> None:
    def build(*words: str) -> None:
        names = [f"@{name}" for name in DATASETS]
        run = dbt(tmp_path, "build", "--select", *names, *words)
        assert run.returncode == 0, run.stdout

    for day in DAYS[:-1]:
        write(tmp_path, day)
    build("--exclude-resource-type", "test", "unit_test")
    # Nobody has judged it yet.
    assert catalog.published(Layout(tmp_path)) == {}
    archive(tmp_path)
    assert archived(tmp_path) == {(name, month) for name in NAMES for month in (12, 1, 2)}
    for name in NAMES:
        assert {row[0] for row in silver(tmp_path)[name]} == {"O:BBB240419P00020500"}

    # On this day February's contract traded; the month has archived rows of January's, too.
    write(tmp_path, date(2024, 1, 25), seed=1)
    write_contracts(tmp_path, {"O:AAA231215C00010000": "BBB"})
    write(tmp_path, DAYS[-1])
    # The gate looks at all, since nothing was published yet.
    build("--exclude-resource-type", "unit_test")
    assert archived(tmp_path) == {(name, 1) for name in NAMES}
    grown = everything(tmp_path)
    build("--full-refresh", "--exclude-resource-type", "test", "unit_test")
    assert archived(tmp_path) == set()
    rebuilt = silver(tmp_path)
    assert set(grown) == set(rebuilt)
    for name, rows in grown.items():
        assert rows == rebuilt[name], name
