"""The example runs end to end on a store as short as the demo's."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from gold_export import calendars
from gold_export.export import export
from gold_export.options import ExportOptions
from tests.gold_export import market


@pytest.mark.slow
def test_alpha158(con: duckdb.DuckDBPyConnection, layout, tmp_path):
    days = calendars.sessions(date(2024, 4, 1), date(2024, 7, 1)).dates.tolist()
    rows = market.bars("stocks_daily", [f"T{number:02}" for number in range(20)], days)
    con.register("incoming", market.as_arrow("stocks_daily", rows))
    con.execute("create schema silver; create table silver.stocks_daily as from incoming")
    export(con, layout, "stocks_daily", {"stocks_daily": 1}, ExportOptions())
    script = Path(__file__).parents[2] / "examples/alpha158.py"
    command = [sys.executable, str(script), str(layout.gold("stocks_daily"))]
    done = subprocess.check_output([*command, "--out", str(tmp_path)], text=True, timeout=300)
    assert "rank IC" in done
    assert (tmp_path / "backtest.png").is_file()
