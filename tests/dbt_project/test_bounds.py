"""A first build of a year stays within its memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake.calendar import exchange
from tests.dbt_project.bronze import attached, write_minutes
from tests.dbt_project.conftest import Dbt

SYMBOLS, MINUTES = 100, 200


@pytest.mark.slow(50)
def test_a_first_build_of_a_year_is_cut_into_batches(
    tmp_path: Path, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of minute bars at an eightieth of the market's size; all at once would take 5 GB."""
    days = [session.date() for session in exchange().sessions_in_range("2023-01-01", "2023-12-31")]
    for day in days:
        write_minutes(tmp_path, day, SYMBOLS, MINUTES)
    monkeypatch.setenv("QUANTMINI_MEMORY_LIMIT", "500MB")
    dbt.build(tmp_path, "--exclude-resource-type", "unit_test", batch_rows=500_000)
    with attached(tmp_path, read_only=True) as lake:
        rows = "SELECT count(*), count(DISTINCT date), count(alpha_minute) "
        found = lake.sql(rows + "FROM lake.silver.stocks_minute").fetchone()
    total = len(days) * SYMBOLS * MINUTES
    assert found == (total, len(days), total - len(days) * SYMBOLS)
    # DuckDB's limit covers its buffers; dbt and the libraries take some 500 MB beside them.
    assert dbt.peak < 1_100_000_000
