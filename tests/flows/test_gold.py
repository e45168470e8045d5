"""What pyqlib reads from the chain's stores is silver, in float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lake.catalog import connect
from lake.datasets import DATASETS
from lake.layout import Layout
from tests.conftest import Ran, run
from tests.flows.counts import bronze_rows, csv_rows, silver_rows
from tests.gold_export.conftest import Seen, symbols

STORES = [
    ("stocks_daily", "stocks_daily", "day"),
    ("stocks_minute", "stocks_minute", "1min"),
    ("options", "options_daily", "day"),
    ("options", "options_minute", "1min"),
]


def silver(layout: Layout, dataset: str, store: Path) -> pd.DataFrame:
    """Silver's bars as Qlib shows them: by instrument and New York time, regular session only."""
    instrument = DATASETS[dataset].instrument
    moment, where = "date::TIMESTAMP", "true"
    if DATASETS[dataset].minute:
        moment = "(ts AT TIME ZONE 'America/New_York')"
        where = f"{moment}::TIME >= TIME '09:30' AND {moment}::TIME < TIME '16:00'"
    with connect(layout, "1GB", 2) as lake:
        frame = lake.sql(f"SELECT *, {moment} AS datetime FROM silver.{dataset} WHERE {where}").df()
    frame["instrument"] = frame[instrument].map(symbols(store))
    return frame.set_index(["instrument", "datetime"]).sort_index()


def compare(
    layout: Layout, read: Callable[..., Seen], store: str, dataset: str, freq: str, step: int = 1
) -> int:
    """Every field of one data set's bars, of each `step`-th instrument; gives how many bars."""
    folder = layout.gold(store)
    uri = str(folder) if freq == "day" else {freq: str(folder)}
    found = read(uri, freq, computing=False, step=step)
    seen, want = found.features, silver(layout, dataset, folder)
    want = want.loc[sorted(found.instruments)[::step]]
    seen = seen.dropna(subset=["close"]).sort_index()
    assert seen.index.equals(want.index) or sorted(seen.index) == sorted(want.index)
    for field in set(seen.columns) - {"factor", "change"}:
        expected = want[field].astype("float64").astype(np.float32).to_numpy()
        np.testing.assert_array_equal(seen[field].to_numpy(), expected, err_msg=field)
    return len(want)


@pytest.mark.slow
@pytest.mark.parametrize(("store", "dataset", "freq"), STORES)
def test_generated_market(ran: Ran, read, store: str, dataset: str, freq: str) -> None:
    assert compare(ran.layout, read, store, dataset, freq) > 500


@pytest.mark.slow(60)
def test_real_sample(real_sample: Path, tmp_path: Path, read) -> None:
    done = run(tmp_path / "lake", real_sample)
    expected = csv_rows(real_sample)
    assert bronze_rows(done.layout) == silver_rows(done.layout) == expected
    assert sum(expected.values()) == 1_512 + 9_708 + 2_322 + 43_684
    # pyqlib takes 20 s for all contracts of either frequency, so it is asked for every tenth.
    bars = [compare(done.layout, read, *s, step=10 * (s[0] == "options") or 1) for s in STORES]
    assert bars == [1_512, 5_848, 233, 4_309]
