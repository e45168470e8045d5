"""A first build of many days stays within its memory (DESIGN.md section 3)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.dbt_project.bronze import attached, write_minutes
from tests.dbt_project.conftest import Dbt


@pytest.mark.slow
def test_a_first_build_is_cut_into_batches(
    tmp_path: Path, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2024, 1, 1) + timedelta(n) for n in range(40)]
    for day in days:
        write_minutes(tmp_path, day, symbols=300, minutes=300)
    monkeypatch.setenv("QUANTMINI_MEMORY_LIMIT", "200MiB")
    models = ["--select", "+stocks_minute", "--exclude-resource-type", "test", "unit_test"]
    run = dbt(tmp_path, "build", *models, batch_rows=200_000)
    assert run.returncode == 0, run.stdout
    with attached(tmp_path, read_only=True) as lake:
        rows = "SELECT count(*), count(DISTINCT date), count(alpha_minute) "
        found = lake.sql(rows + "FROM lake.silver.stocks_minute").fetchone()
        inserted = "changes['tables_inserted_into'] IS NOT NULL"
        [(inserts,)] = lake.sql(
            f"SELECT count(*) FROM lake.snapshots() WHERE {inserted}"
        ).fetchall()
    assert found == (40 * 300 * 300, 40, 40 * 300 * 299)
    assert inserts > 10
    # dbt and the libraries take some 300 MB by themselves; all days at once would take 3 GB.
    assert dbt.peak < 1_000_000_000
