"""Incremental equals full refresh, whatever the order of arrival (DESIGN.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lake.datasets import DATASETS
from lake.layout import Layout
from tests.dbt_project.bronze import (
    CONTRACTS,
    SYMBOLS,
    silver,
    write_contracts,
    write_day,
    write_dividends,
    write_splits,
)
from tests.dbt_project.conftest import Dbt

UNTESTED = ("--exclude-resource-type", "test", "unit_test")
DAYS = [day for day in (date(2023, 12, 1) + timedelta(n) for n in range(75)) if day.weekday() < 5]


@dataclass(frozen=True)
class Step:
    """What happens before one build: for each data set days arrive, are restated or removed.

    Splits, dividends and underlyings are all that the vendor says by then.
    """

    days: dict[str, dict[date, int | None]]
    splits: dict[tuple[str, date], tuple[float, float]]
    dividends: dict[tuple[str, date], float]
    underlyings: dict[str, str]
    batch_rows: int

    def apply(self, root: Path) -> None:
        for name, changes in self.days.items():
            for day, version in changes.items():
                if version is None:
                    Layout(root).bronze(DATASETS[name], day).unlink(missing_ok=True)
                else:
                    write_day(root, name, day, seed=version)
        write_splits(root, self.splits)
        write_dividends(root, self.dividends)
        write_contracts(root, self.underlyings)


# A missing version is a removal. Many days at once and few days at once both have to occur.
CHANGES = st.dictionaries(
    st.sampled_from(DAYS), st.sampled_from([1, 2, 3, 4, 5, None]), min_size=2, max_size=45
)
STEPS = st.builds(
    Step,
    days=st.fixed_dictionaries(dict.fromkeys(DATASETS, CHANGES)),
    splits=st.dictionaries(
        st.tuples(st.sampled_from(SYMBOLS), st.dates(DAYS[0], DAYS[-1])),
        st.sampled_from([(1.0, 3.0), (7.0, 1.0), (1000.0, 1019.0), (1.0, 1.0)]),
        max_size=6,
    ),
    dividends=st.dictionaries(
        st.tuples(st.sampled_from(SYMBOLS), st.dates(DAYS[0], DAYS[-1])),
        st.sampled_from([0.25, 0.59375, 1_000.0]),
        max_size=6,
    ),
    underlyings=st.dictionaries(
        st.sampled_from(CONTRACTS), st.sampled_from(["AAA", "BBB", "NA"]), max_size=3
    ),
    batch_rows=st.sampled_from([120, 300, 10_000]),
)


@pytest.mark.slow(100)
@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEPS, min_size=3, max_size=3))
def test_any_sequence_of_arrivals_equals_a_full_refresh(
    tmp_path_factory: pytest.TempPathFactory, dbt: Dbt, steps: list[Any]
) -> None:
    root = tmp_path_factory.mktemp("lake")
    for step in steps:
        step.apply(root)
        dbt.build(root, *UNTESTED, batch_rows=step.batch_rows)
    grown = silver(root)
    dbt.build(root, "--full-refresh", *UNTESTED, batch_rows=10_000)
    rebuilt = silver(root)
    assert set(grown) > set(DATASETS)
    for name, rows in grown.items():
        assert rows == rebuilt[name], name
    assert all(grown[name] for name in (*DATASETS, "stocks_weekly", "stocks_5min"))
