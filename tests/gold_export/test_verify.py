"""`verify` finds nothing in a good store, and every kind of difference in a bad one.

In a process of its own: pyqlib is global to a process, and the reader of the suite has it. One for
all stores, as in `maintain verify`: importing pyqlib takes several seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gold_export.export import export
from gold_export.options import STORES, ExportOptions
from gold_export.verify import open_store, verify
from lake.errors import NotBuilt
from lake.layout import Layout
from tests.gold_export import actions, market

PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import duckdb
from gold_export.verify import verify
from lake.errors import CorruptFile
from lake.layout import Layout
for line in sys.stdin:
    published, root, store = json.loads(line)
    with duckdb.connect(published, read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        try:
            report = verify(con, Layout(Path(root)), store, sample=20)
            seen = asdict(report) | {"equal": report.equal}
        except CorruptFile as error:
            seen = {"error": str(error)}
    print(json.dumps(seen), flush=True)
"""
Judge = Callable[[duckdb.DuckDBPyConnection, Path, Layout, str], dict[str, Any]]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """What that process finds, given a connection with silver, of which it gets a copy."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked and answers

        def found(
            con: duckdb.DuckDBPyConnection, published: Path, layout: Layout, store: str
        ) -> dict[str, Any]:
            con.execute(f"attach '{published}' as copy; create schema copy.silver")
            tables = "select table_name from duckdb_tables where schema_name = 'silver'"
            for (name,) in con.execute(tables).fetchall():
                con.execute(f"create table copy.silver.{name} as from silver.{name}")
            con.execute("detach copy")
            print(json.dumps([str(published), str(layout.root), store]), file=asked, flush=True)
            seen: dict[str, Any] = json.loads(answers.readline())
            return seen

        yield found


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["none", "value", "lost", "shifted", "factor"])
def test_verify(con, layout, tmp_path, judge: Judge, damage):
    rows = market.minute_rows("stocks_minute", ["AAA", "NA", "BBB"])
    daily = market.day_rows("stocks_daily", ["AAA", "NA", "bbb", "DDD"])
    store, fields = "stocks_daily", 13
    if damage == "none":
        store, fields = "stocks_minute", 9
    market.put(con, store, rows if store == "stocks_minute" else daily)
    snapshots = {store: 1}
    if store == "stocks_daily":
        snapshots["adjustment_factors"] = 1
        history = [(market.SESSIONS[5], 1 / 7, 1.0), (market.SESSIONS[9], 1.0, 0.99)]
        actions.put(con, actions.spans("AAA", history))
    report = export(con, layout, store, snapshots, ExportOptions())
    file = next(layout.gold(store).glob("features/aaa/close.*"))
    series = np.fromfile(file, "<f4")
    if damage == "value":
        series[1] += 1
    elif damage == "lost":
        series[1] = np.nan
    elif damage == "shifted":
        series[0] += 1
    series.tofile(file)
    if damage == "factor":
        con.execute("update silver.adjustment_factors set split_factor = split_factor * 1.001")
    seen = judge(con, tmp_path / "published.duckdb", layout, store)
    assert seen["instruments"] == report.instruments
    assert seen["values"] % fields == 0
    assert seen["equal"] == (damage == "none")
    field = {"none": "", "factor": "AAA $"}.get(damage, "AAA $close 2024")
    assert seen["worst"].startswith(field)


@pytest.mark.slow
def test_an_adjusted_store_is_equal(con, layout, tmp_path, judge: Judge):
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", ["AAA", "NA", "bbb"]))
    history = [(market.SESSIONS[5], 1 / 7, 1.0), (market.SESSIONS[9], 1.0, 0.99)]
    actions.put(con, actions.spans("AAA", history) + actions.spans("NA", history[1:]))
    snapshots = {"stocks_daily": 1, "adjustment_factors": 1}
    for adjustment in ("splits", "splits_and_dividends"):
        options = ExportOptions(adjustment=adjustment)
        assert export(con, layout, "stocks_daily", snapshots, options).adjusted
        seen = judge(con, tmp_path / f"{adjustment}.duckdb", layout, "stocks_daily")
        assert seen["equal"]
        assert seen["instruments"] == 3


@pytest.mark.slow
def test_each_data_set_has_its_own_largest(con, layout, tmp_path, judge: Judge):
    contracts = [f"O:{name}241220C00010000" for name in ("AAA", "BBB", "CCC", "DDD")]
    for seed, name in enumerate(STORES["options"]):
        market.put(con, name, market.bars(name, contracts, market.SESSIONS[:3], seed))
    snapshots = dict.fromkeys(STORES["options"], 1)
    export(con, layout, "options", snapshots, ExportOptions(top=1))
    files = layout.gold("options").glob("features/*/close.*.bin")
    assert len({path.parent for path in files}) == 2, "these seeds have one largest contract"
    assert judge(con, tmp_path / "published.duckdb", layout, "options")["equal"]
    lost = next(layout.gold("options").glob("features/*/close.1min.bin"))
    lost.unlink()
    seen = judge(con, tmp_path / "again.duckdb", layout, "options")
    assert (seen["equal"], seen["instruments"]) == (False, 2)
    assert seen["worst"].startswith(f"{lost.parent.name.upper()} $close 2024")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "features/aaa/close.day.bin", "calendars/day.txt", "symbols.csv",
        "places/stocks_daily.parquet",
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_read_is_told(con, layout, tmp_path, judge: Judge, name):
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", ["AAA"]))
    export(con, layout, "stocks_daily", {"stocks_daily": 1}, ExportOptions())
    folder = layout.gold("stocks_daily").resolve()
    (folder / name).write_bytes(b"")
    told = judge(con, tmp_path / "published.duckdb", layout, "stocks_daily")["error"]
    assert told.startswith("the store stocks_daily cannot be read (")
    assert told.endswith(f"; remove {folder} and run `quantmini export`")


def test_no_store(con, layout):
    with pytest.raises(NotBuilt, match="quantmini export"):
        verify(con, layout, "stocks_daily")


def test_without_pyqlib_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "qlib", None)
    with pytest.raises(NotBuilt, match="uv sync --group qlib"):
        open_store(tmp_path)
