"""Incremental equals full refresh, whatever the order of arrival (DESIGN.md section 3)."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from lake.datasets import DATASETS
from lake.layout import Layout
from tests.dbt_project.bronze import silver, write_day
from tests.dbt_project.conftest import Dbt

DAYS = [day for day in (date(2023, 12, 20) + timedelta(n) for n in range(100)) if day.weekday() < 5]


@pytest.mark.slow
def test_random_arrivals_equal_a_full_refresh(tmp_path: Path, dbt: Dbt) -> None:
    chance = random.Random(1)
    pending = [(name, day) for name in DATASETS for day in DAYS]
    chance.shuffle(pending)
    arrived: list[tuple[str, date]] = []
    while pending:
        for name, day in [pending.pop() for _ in range(min(len(pending), chance.randint(1, 150)))]:
            write_day(tmp_path, name, day, seed=0)
            arrived.append((name, day))
        for name, day in chance.sample(arrived, 3):
            write_day(tmp_path, name, day, seed=chance.randint(1, 9))
        for name, day in chance.sample(arrived, 2):
            Layout(tmp_path).bronze(DATASETS[name], day).unlink(missing_ok=True)
        dbt.build(tmp_path, batch_rows=chance.choice([60, 300, 10_000]))
    grown = silver(tmp_path)
    dbt.build(tmp_path, "--full-refresh", batch_rows=10_000)
    rebuilt = silver(tmp_path)
    for name in DATASETS:
        assert len(grown[name]) > 100
        assert grown[name] == rebuilt[name]
