"""Every feature of every row, computed again in numpy from the formulas of docs/features.md."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lake.catalog import connect
from lake.datasets import DATASETS
from tests.conftest import Ran
from tests.dbt_project.conftest import Dbt

OPTION_ROOTS = {"BRKB": "BRK.B", "SPXW": "SPX"}


@pytest.fixture(scope="module")
def silver(ran: Ran) -> dict[str, pd.DataFrame]:
    """The four tables, prices and volume as float."""
    frames = {}
    with connect(ran.layout, "1GB", 2) as lake:
        for name, dataset in DATASETS.items():
            frame = lake.sql(f"SELECT * FROM silver.{name}").df()
            raw = ["open", "high", "low", "close", "volume"]
            frame[raw] = frame[raw].astype(float)
            frame["ts"] = frame["ts"].dt.tz_convert("UTC")
            key = [dataset.instrument, "ts"]
            frames[name] = frame.sort_values(key).reset_index(drop=True)
    return frames


def same(actual: Any, expected: Any) -> None:
    """Equal within 1e-6, and missing in exactly the same rows."""
    np.testing.assert_allclose(
        np.asarray(actual, float), np.asarray(expected, float), rtol=1e-6, atol=1e-12
    )


def relative_volume(group: pd.DataFrame) -> list[float]:
    volume = group["volume"].tolist()
    means = [np.mean(volume[max(0, n - 19) : n + 1]) for n in range(len(volume))]
    return [v / mean if mean else math.nan for v, mean in zip(volume, means, strict=True)]


def per_group(frame: pd.DataFrame, keys: list[str], compute: Any) -> list[float]:
    """`compute` on each group, put back in the frame's order."""
    values = pd.Series(index=frame.index, dtype=float)
    for _, group in frame.groupby(keys, sort=False):
        values[group.index] = compute(group)
    return list(values)


def decline(group: pd.DataFrame) -> list[float]:
    close = group["close"].tolist()
    return [math.nan, *(-math.log(b / a) for a, b in itertools.pairwise(close))]


def test_stocks_daily(silver: dict[str, pd.DataFrame]) -> None:
    bars = silver["stocks_daily"]
    assert len(bars) > 500
    same(bars["alpha_daily"], per_group(bars, ["symbol"], decline))
    same(bars["relative_volume"], per_group(bars, ["symbol"], relative_volume))
    same(bars["price_range"], bars["high"] - bars["low"])
    same(bars["daily_return"], bars["close"] / bars["open"] - 1)
    same(bars["vwap"], ((bars["high"] + bars["low"]) / 2).where(bars["volume"] > 0))


def test_the_gate_warns_of_moves_beyond_a_half(ran: Ran, silver: dict[str, pd.DataFrame]) -> None:
    bars = silver["stocks_daily"]
    steps = np.exp(-bars["alpha_daily"]) - 1
    moves = bars[(bars["daily_return"].abs() > 0.5) | (steps.abs() > 0.5)]
    assert len(moves) == 2
    # Nothing else warns: no session is missing, and no day lacks instruments.
    (warning,) = ran.document["gate"]["warnings"]
    rows = pd.read_parquet(warning["rows"])
    assert sorted(rows["symbol"]) == sorted(moves["symbol"])


@pytest.mark.slow(10)
def test_a_feature_that_the_yaml_lacks_is_named(tmp_path: Path, dbt: Dbt) -> None:
    run = dbt(tmp_path, "compile", "--inline", "select {{ feature('typical_price', '1') }}")
    assert "typical_price is no column with meta.feature in inline_query.yml" in run.stdout


def test_stocks_minute(silver: dict[str, pd.DataFrame]) -> None:
    bars = silver["stocks_minute"]
    keys = ["symbol", "date"]

    def velocity(group: pd.DataFrame) -> list[float]:
        close, ts = group["close"].tolist(), group["ts"].tolist()
        return [
            math.nan,
            *(
                (close[n] - close[n - 1]) / ((ts[n] - ts[n - 1]).total_seconds() / 60)
                for n in range(1, len(group))
            ),
        ]

    assert len(bars) > 10_000
    same(bars["alpha_minute"], per_group(bars, keys, decline))
    same(bars["price_velocity"], per_group(bars, keys, velocity))
    same(bars["minute_return"], bars["close"] / bars["open"] - 1)
    local = bars["ts"].dt.tz_convert("America/New_York")
    minute = local.dt.hour * 60 + local.dt.minute
    session = np.where(minute < 570, "pre", np.where(minute < 960, "regular", "post"))
    assert bars["session"].tolist() == session.tolist()
    assert (local.dt.date == bars["date"].dt.date).all()


def test_contracts(silver: dict[str, pd.DataFrame]) -> None:
    for name in ("options_daily", "options_minute"):
        bars = silver[name]
        parsed = bars["ticker"].str.extract(r"^O:(.+)(\d{6})([CP])(\d{8})$")
        assert bars["root"].tolist() == parsed[0].tolist()
        plain = parsed[0].str.replace(r"\d$", "", regex=True)
        assert bars["underlying"].tolist() == [OPTION_ROOTS.get(r, r) for r in plain]
        expiry = pd.to_datetime("20" + parsed[1], format="%Y%m%d")
        assert (bars["expiration_date"] == expiry).all()
        assert bars["contract_type"].tolist() == parsed[2].map({"C": "call", "P": "put"}).tolist()
        same(bars["strike_price"], parsed[3].astype(int) / 1000)


def test_options_daily(silver: dict[str, pd.DataFrame]) -> None:
    bars, stocks = silver["options_daily"], silver["stocks_daily"]
    closes = stocks.set_index(["symbol", "date"])["close"].to_dict()
    expected = []
    for row in bars.itertuples():
        close = closes.get((row.underlying, row.date), math.nan)
        strike = float(row.strike_price)
        adjusted = row.root[-1].isdigit()
        ratio = close / strike if row.contract_type == "call" else strike / close
        expected.append(math.nan if adjusted else ratio)
    same(bars["moneyness"], expected)
    assert 0 < np.isnan(expected).sum() < len(expected)
    same(bars["days_to_expiry"], (bars["expiration_date"] - bars["date"]).dt.days)
    same(bars["relative_volume"], per_group(bars, ["ticker"], relative_volume))


def spread(group: pd.DataFrame) -> list[float]:
    """Corwin and Schultz (2012), equations 14 and 18."""
    high, low = group["high"].tolist(), group["low"].tolist()
    values, k = [math.nan], 3 - 2 * math.sqrt(2)
    for n in range(1, len(group)):
        beta = sum(math.log(high[m] / low[m]) ** 2 for m in (n - 1, n))
        gamma = math.log(max(high[n - 1], high[n]) / min(low[n - 1], low[n])) ** 2
        alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k)
        values.append(max(0.0, 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha))))
    return values


def imbalance(group: pd.DataFrame) -> list[float]:
    close, volume = group["close"].tolist(), group["volume"].tolist()
    signs = [0]
    for n in range(1, len(group)):
        step = (close[n] > close[n - 1]) - (close[n] < close[n - 1])
        signs.append(step or signs[-1])
    values = []
    for n in range(len(group)):
        window = range(max(0, n - 19), n + 1)
        total = sum(volume[m] for m in window)
        values.append(sum(signs[m] * volume[m] for m in window) / total if total else math.nan)
    return values


def test_options_minute(silver: dict[str, pd.DataFrame]) -> None:
    bars = silver["options_minute"]
    assert len(bars) > 5_000
    same(bars["bid_ask_spread"], per_group(bars, ["ticker", "date"], spread))
    same(bars["volume_imbalance"], per_group(bars, ["ticker", "date"], imbalance))
