"""Incremental equals full refresh, whatever the order of arrival."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

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
SPLITS = [(1.0, 3.0), (7.0, 1.0), (1000.0, 1019.0), (1.0, 1.0)]
CASH = [0.25, 0.59375, 1_000.0]
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


def steps(seed: int) -> list[Step]:
    """Three builds, over which days come late, are restated and go, and so do actions of the past.

    Many days at once, and few, both occur. A missing version is a removal.
    """
    dice = random.Random(seed)
    there = {name: set(dice.sample(DAYS, dice.choice([16, 24]))) for name in DATASETS}
    days: dict[str, dict[date, int | None]] = {
        name: dict.fromkeys(sorted(some), 1) for name, some in there.items()
    }
    when = [(symbol, day) for symbol in SYMBOLS for day in DAYS]
    splits = {key: dice.choice(SPLITS) for key in dice.sample(when, 4)}
    dividends = {key: dice.choice(CASH) for key in dice.sample(when, 4)}
    underlyings = {CONTRACTS[0]: "AAA", CONTRACTS[1]: "BBB"}
    found = [Step(days, splits, dividends, underlyings, dice.choice([200, 300]))]
    for version, many in zip((2, 3), dice.sample([2, 12], 2), strict=True):
        days = {}
        for name, present in there.items():
            late = dice.sample(sorted(day for day in DAYS if day not in present), many)
            restated = dice.sample(sorted(present), many)
            gone = dice.sample(sorted(present - {*restated}), 2)
            present |= {*late}
            present -= {*gone}
            days[name] = dict.fromkeys([*late, *restated], version) | dict.fromkeys(gone)
        # One is withdrawn, one corrected, one new.
        _withdrawn, corrected, *same = splits
        splits = {key: splits[key] for key in same} | {
            corrected: (2.0, 5.0 + version),
            dice.choice(when): dice.choice(SPLITS),
        }
        _withdrawn, corrected, *same = dividends
        dividends = {key: dividends[key] for key in same} | {
            corrected: 0.125 * version,
            dice.choice(when): dice.choice(CASH),
        }
        underlyings = {CONTRACTS[version - 1]: "NA", CONTRACTS[0]: dice.choice(["BBB", "NA"])}
        found.append(Step(days, splits, dividends, underlyings, dice.choice([200, 10_000])))
    return found


@pytest.mark.slow(100)
def test_any_sequence_of_arrivals_equals_a_full_refresh(tmp_path: Path, dbt: Dbt) -> None:
    for step in steps(seed=1):
        step.apply(tmp_path)
        dbt.build(tmp_path, *UNTESTED, batch_rows=step.batch_rows)
    grown = silver(tmp_path)
    dbt.build(tmp_path, "--full-refresh", *UNTESTED, batch_rows=10_000)
    rebuilt = silver(tmp_path)
    assert set(grown) > set(DATASETS)
    for name, rows in grown.items():
        assert rows == rebuilt[name], name
    assert all(grown[name] for name in (*DATASETS, "stocks_weekly", "stocks_5min"))
