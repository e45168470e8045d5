"""`verify` finds nothing in a good store, and every kind of difference in a bad one.

In processes of their own: pyqlib is global to a process, and the reader of the suite has it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gold_export.export import export
from gold_export.options import ExportOptions
from gold_export.verify import open_store, verify
from lake.errors import NotBuilt
from tests.gold_export import market

PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import duckdb
from gold_export.verify import verify
from lake.layout import Layout
con = duckdb.connect(sys.argv[1], read_only=True)
con.execute("set timezone = 'UTC'")
report = verify(con, Layout(Path(sys.argv[2])), sys.argv[3], sample=20)
print(json.dumps(asdict(report) | {"equal": report.equal}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["none", "value", "lost", "shifted"])
def test_verify(con, layout, tmp_path, damage):
    rows = market.minute_rows("stocks_minute", ["AAA", "NA", "BBB"])
    daily = market.day_rows("stocks_daily", ["AAA", "NA", "bbb", "DDD"])
    store, fields = "stocks_daily", 13
    if damage == "none":
        store, fields = "stocks_minute", 9
    market.put(con, store, rows if store == "stocks_minute" else daily)
    report = export(con, layout, store, {store: 1}, ExportOptions())
    file = next(layout.gold(store).glob("features/aaa/close.*"))
    series = np.fromfile(file, "<f4")
    if damage == "value":
        series[1] += 1
    elif damage == "lost":
        series[1] = np.nan
    elif damage == "shifted":
        series[0] += 1
    series.tofile(file)
    con.execute(f"attach '{tmp_path}/published.duckdb' as copy; create schema copy.silver")
    con.execute(f"create table copy.silver.{store} as from silver.{store}")
    con.execute("detach copy")
    program = [
        sys.executable,
        "-c",
        PROGRAM,
        f"{tmp_path}/published.duckdb",
        str(layout.root),
        store,
    ]
    root = Path(__file__).parents[2]
    seen = json.loads(subprocess.check_output(program, cwd=root, text=True))
    assert seen["instruments"] == report.instruments
    assert seen["values"] % fields == 0
    assert seen["equal"] == (damage == "none")
    assert seen["worst"].startswith("" if damage == "none" else "AAA $close 2024")


def test_no_store(con, layout):
    with pytest.raises(NotBuilt, match="quantmini export"):
        verify(con, layout, "stocks_daily")


def test_without_pyqlib_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "qlib", None)
    with pytest.raises(NotBuilt, match="uv sync --group qlib"):
        open_store(tmp_path)
