"""From the vendor's splits and dividends to adjusted prices, by the commands a user runs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows import summary
from flows.summary import UNADJUSTED
from ingest.sample_market import write_sample_market
from lake.catalog import connect
from lake.layout import Layout
from tests.conftest import quantmini, run
from tests.ingest.reference.server import KEY, Vendor, vendor

TABLES = ["tickers", "splits", "dividends"]


@pytest.fixture
def server() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


def sync(lake: Path, server: Vendor) -> None:
    """`quantmini reference sync` against the server."""
    words = ["reference", "sync", *TABLES]
    keys = {"POLYGON_API_KEY": KEY, "QUANTMINI_SOURCE__API_BASE": server.base}
    done = quantmini(lake, *words, **keys)
    assert done.returncode == 0, done.stdout + done.stderr


def daily(layout: Layout, symbol: str) -> pd.DataFrame:
    """The symbol's rows of silver.stocks_daily by date."""
    with connect(layout, "1GB", 2) as lake:
        sql = "SELECT * FROM silver.stocks_daily WHERE symbol = ? ORDER BY date"
        columns = {"open": float, "close": float, "volume": float}
        return lake.execute(sql, [symbol]).df().astype(columns)


def store(layout: Layout, symbol: str, field: str) -> np.ndarray:
    """A feature file of gold, its header dropped; the symbol must have a bar each session."""
    path = layout.gold("stocks_daily") / f"features/{symbol.lower()}/{field}.day.bin"
    return np.fromfile(path, "<f4")[1:]


@pytest.mark.slow(70)
def test_a_late_split_and_dividend(tmp_path: Path, server: Vendor) -> None:
    source = tmp_path / "market"
    write_sample_market(source, sessions=25, symbols=4, strikes=3)
    done = run(tmp_path / "lake", source, "stocks_daily")
    layout, root = done.layout, done.layout.root
    before = {name: daily(layout, name) for name in ("QUAD", "SPY")}
    raw = store(layout, "QUAD", "close")
    assert np.array_equal(raw, before["QUAD"]["close"].to_numpy(np.float32))
    assert UNADJUSTED in summary.of_gold(done.document)

    for table in TABLES:
        text = (source / f"reference/{table}.json").read_text(encoding="utf-8")
        server.tables[table] = json.loads(text)["results"]
    sync(root, server)
    document: dict[str, Any] = run(root, source, "stocks_daily").document
    gold = {entry["store"]: entry for entry in document["gold"]}
    assert gold["stocks_daily"]["adjusted"] and gold["stocks_daily"]["incremental"]

    quad = daily(layout, "QUAD")
    assert quad["close"].tolist() == before["QUAD"]["close"].tolist()
    split = quad["date"].dt.date.tolist().index(date(2024, 5, 13))
    close, volume = quad["close"].tolist(), quad["volume"].tolist()
    step = -math.log(close[split] / (close[split - 1] / 4))
    assert quad["alpha_daily"][split] == pytest.approx(step)
    window = [4 * v for v in volume[max(0, split - 19) : split]] + [volume[split]]
    assert quad["relative_volume"][split] == pytest.approx(volume[split] / np.mean(window))
    assert daily(layout, "SPY").equals(before["SPY"])

    factor = np.where(np.arange(len(quad)) < split, 0.25, 1)
    np.testing.assert_allclose(store(layout, "QUAD", "close"), close * factor, rtol=1e-6)
    np.testing.assert_allclose(store(layout, "QUAD", "volume"), volume / factor, rtol=1e-6)
    unadjusted = store(layout, "QUAD", "close") / store(layout, "QUAD", "factor")
    np.testing.assert_allclose(unadjusted, raw, rtol=1e-6)


@pytest.mark.slow(70)
def test_the_real_split_of_apple(real_sample: Path, tmp_path: Path, server: Vendor) -> None:
    """7:1 on 2014-06-09, from 645.57 to 93.70."""
    server.tables["splits"] = [
        {"ticker": "AAPL", "execution_date": "2014-06-09", "split_from": 1, "split_to": 7}
    ]
    sync(tmp_path / "lake", server)
    layout = run(tmp_path / "lake", real_sample, "stocks_daily").layout
    apple = daily(layout, "AAPL").set_index("date")
    day = apple.loc["2014-06-09"]
    assert [apple.loc["2014-06-06"]["close"], day["close"]] == [645.57, 93.70]
    assert day["alpha_daily"] == pytest.approx(-math.log(93.70 / (645.57 / 7)), abs=1e-6)
    assert 0.5 < day["relative_volume"] < 2
    adjusted = store(layout, "AAPL", "close")
    # Its worst day was 2013-01-24, by 12 %; unadjusted the split would be 86 %.
    assert np.abs(np.diff(np.log(adjusted))).max() < 0.15
    np.testing.assert_allclose(
        adjusted / store(layout, "AAPL", "factor"), apple["close"].to_numpy(), rtol=1e-6
    )
