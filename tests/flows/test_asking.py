"""`quantmini query`, `bars` and `chain` as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from lake import records
from tests.conftest import Ran, quantmini

SQL = "SELECT symbol, close FROM silver.stocks_daily WHERE symbol = 'NA' ORDER BY date LIMIT 2"


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "table"])
def test_formats(ran: Ran, tmp_path: Path, form: str) -> None:
    # Two are known by the file's name.
    named = form in ("csv", "json")
    out = tmp_path / (f"answer.{form}" if named else "answer")
    words = [] if named else ["--format", form]
    process = quantmini(ran.layout.root, "query", SQL, *words, "--out", str(out))
    assert process.returncode == 0, process.stderr
    assert process.stdout == process.stderr == ""
    if form == "csv":
        assert out.read_text().splitlines()[0] == "symbol,close"
    elif form == "json":
        assert [row["symbol"] for row in json.loads(out.read_text())] == ["NA", "NA"]
    elif form == "parquet":
        assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{out}')").fetchall() == [(2,)]
    else:
        assert "│ NA" in out.read_text()


def test_bars(ran: Ran) -> None:
    words = ["bars", "NA", "QUAD", "--start", "2024-05-06", "--end", "2024-05-07"]
    process = quantmini(ran.layout.root, *words, "--format", "json")
    assert process.returncode == 0, process.stderr
    rows = [(row["symbol"], row["date"]) for row in json.loads(process.stdout)]
    assert rows == [(name, f"2024-05-0{day}") for name in ("NA", "QUAD") for day in (6, 7)]


def test_chain(ran: Ran) -> None:
    process = quantmini(ran.layout.root, "chain", "QUAD", "--date", "2024-05-15")
    assert process.returncode == 0, process.stderr
    assert "strike_price" in process.stdout and "O:QUAD" in process.stdout
    assert "\x1b" not in process.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["bars", "quad"], 2, "capitals count, there is QUAD"),
        (["bars", "QUAD", "--start", "2024-06-01", "--end", "2024-06-02"], 2, "the nearest are"),
        (["chain", "QUAD", "--date", "2035-01-02"], 2, "nothing on 2035-01-02"),
        (["query", "DROP TABLE lake.silver.stocks_daily"], 1, "read-only"),
        (["query", SQL, "--format", "xml"], 2, "unknown format xml"),
        (["query", SQL, "--out", "/nowhere/file"], 2, "/nowhere is no folder"),
        (["query", SQL, "--out", "/"], 2, "/ is a folder"),
        (["query", "SELECT close * volume FROM silver.stocks_daily"], 1, "close::double * volume"),
    ],
)
def test_errors_are_a_line_that_helps(ran: Ran, words: list[str], code: int, message: str) -> None:
    process = quantmini(ran.layout.root, *words)
    assert process.returncode == code
    assert process.stdout == ""
    assert message in process.stderr
    assert process.stderr.startswith("quantmini: ") and "Traceback" not in process.stderr


def test_a_reader_that_has_had_enough_is_no_error(ran: Ran) -> None:
    program = Path(sys.executable).with_name("quantmini")
    sql = "SELECT * FROM silver.stocks_minute"
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"'{program}' query '{sql}' --format csv | head -1"],
        env=os.environ | {"QUANTMINI_LAKE": str(ran.layout.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("symbol,")


def test_a_query_that_fails_is_noted(ran: Ran) -> None:
    sql = "SELECT nothing FROM silver.stocks_daily"
    assert quantmini(ran.layout.root, "query", sql).returncode == 1
    noted = [r for r in records.read(ran.layout, "queries", timedelta(days=1)) if r["sql"] == sql]
    assert noted and "nothing" in noted[-1]["error"]
