"""The sample market is what its docstring promises: reproducible, legal, and awkward."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ingest.sample_market import write_sample_market
from lake.datasets import DATASETS

SESSIONS = 12
FIRST = date(2024, 6, 24)
HALF_DAY = date(2024, 7, 3)
AWKWARD = {"NA", "NAN", "NULL", "TRUE", "CON", "ZVZZT", "BACpL", "BACPL"}
AWKWARD |= {"BRK.A", "BRK.B", "ABC.WS"}
SCHEMA = {"ticker": pl.String, "volume": pl.Float64, "open": pl.Float64, "close": pl.Float64}
SCHEMA |= {
    "high": pl.Float64,
    "low": pl.Float64,
    "window_start": pl.Int64,
    "transactions": pl.Int64,
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market")
    write_sample_market(folder, sessions=SESSIONS, symbols=3, first=FIRST)
    return folder


def days(market: Path, dataset: str) -> list[Path]:
    return sorted((market / DATASETS[dataset].prefix).rglob("*.csv.gz"))


def read(path: Path) -> pl.DataFrame:
    clock = pl.from_epoch("window_start", time_unit="ns").dt.replace_time_zone("UTC")
    frame = pl.read_csv(path, schema_overrides=SCHEMA)
    return frame.with_columns(clock.dt.convert_time_zone("America/New_York").alias("clock"))


def history(market: Path, dataset: str, ticker: str) -> pl.DataFrame:
    """Its bars with the number of their session."""
    bars = [
        read(path).filter(pl.col("ticker") == ticker).with_columns(session=pl.lit(number))
        for number, path in enumerate(days(market, dataset))
    ]
    return pl.concat(bars)


def regular(bars: pl.DataFrame, closing: int = 16) -> pl.DataFrame:
    clock = pl.col("clock").dt
    minute = clock.hour().cast(pl.Int32) * 60 + clock.minute()
    return bars.filter((minute >= 570) & (minute < closing * 60))


def test_same_arguments_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_sample_market(tmp_path / name, sessions=2, symbols=2, strikes=2, seed=seed)
    content = {
        name: {p.relative_to(tmp_path / name): p.read_bytes() for p in files if p.is_file()}
        for name in "abc"
        for files in [(tmp_path / name).rglob("*")]
    }
    assert len(content["a"]) == 2 * 4 + 3
    assert content["a"] == content["b"]
    assert content["a"] != content["c"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_file_is_legal_and_in_byte_order(market: Path, dataset: str) -> None:
    assert len(days(market, dataset)) == SESSIONS
    for path in days(market, dataset):
        bars = read(path)
        assert bars.columns[:8] == list(SCHEMA)
        keys = list(bars.select(pl.col("ticker"), "window_start").iter_rows())
        assert keys == sorted(set(keys), key=lambda key: (key[0].encode(), key[1]))
        assert bars.select(
            (pl.col("low") > 0).all()
            & (pl.col("low") <= pl.min_horizontal("open", "close")).all()
            & (pl.col("high") >= pl.max_horizontal("open", "close")).all()
            & (pl.col("clock").dt.date() == date.fromisoformat(path.name[:10])).all()
        ).item()


@pytest.mark.parametrize("asset", ["stocks", "options"])
def test_day_bars_are_those_of_the_regular_minutes(market: Path, asset: str) -> None:
    for daily, minute in zip(
        days(market, f"{asset}_daily"), days(market, f"{asset}_minute"), strict=True
    ):
        closing = 13 if minute.name.startswith(f"{HALF_DAY}") else 16
        expected = (
            regular(read(minute), closing)
            .group_by("ticker", maintain_order=True)
            .agg(
                pl.sum("volume").round(4),
                pl.first("open"),
                pl.last("close"),
                pl.max("high"),
                pl.min("low"),
            )
        )
        found = read(daily)
        assert found["clock"].dt.hour().unique().to_list() == [0]
        exceptions = set(found["ticker"]) ^ set(expected["ticker"])
        assert exceptions <= {"NOTR", "NODY"}
        ordinary = ~pl.col("ticker").is_in(sorted(exceptions))
        bars = found.select(expected.columns).filter(ordinary)
        assert bars.equals(expected.filter(ordinary))


def test_numbers_have_at_most_four_decimals_and_no_trailing_zero(market: Path) -> None:
    number = r"(0|[1-9]\d*)(\.\d{0,3}[1-9])?"
    for dataset in DATASETS:
        text = gzip.decompress(days(market, dataset)[0].read_bytes()).decode()
        for line in text.splitlines()[1:]:
            assert re.fullmatch(rf"[A-Za-z.:0-9]+(,{number}){{7}}", line), line


def test_sessions_end_at_the_close_and_extended_hours_exist(market: Path) -> None:
    half_day = read(market / DATASETS["stocks_minute"].object_key(HALF_DAY))
    full_day = read(market / DATASETS["stocks_minute"].object_key(FIRST))
    assert half_day["clock"].dt.hour().max() == 16
    assert full_day["clock"].dt.hour().min() == 4
    assert full_day["clock"].dt.hour().max() == 19
    options = read(market / DATASETS["options_minute"].object_key(HALF_DAY))
    assert options["clock"].dt.hour().max() == 12


def test_awkward_tickers_prices_and_volumes_are_there(market: Path) -> None:
    bars = read(days(market, "stocks_minute")[0])
    assert set(bars["ticker"]) >= AWKWARD
    assert (bars.filter(pl.col("ticker") == "BRK.A")["low"] > 100_000).all()
    volume = bars.filter(pl.col("ticker") == "FRAC")["volume"]
    assert (volume != volume.floor()).any()
    penny = bars.filter(pl.col("ticker") == "PENY")["close"]
    assert (penny.round(2) != penny).any()
    assert bars.filter(pl.col("ticker") == "FLAT")["close"].n_unique() == 1


def test_events_happen_on_their_session(market: Path) -> None:
    def sessions(dataset: str, ticker: str) -> set[int]:
        return set(history(market, dataset, ticker)["session"])

    everything = set(range(SESSIONS))
    assert sessions("stocks_minute", "DARK") == everything - {4, 5, 6}
    assert sessions("stocks_minute", "IPOX") == set(range(6, SESSIONS))
    assert sessions("stocks_minute", "GONE") == set(range(9))
    assert sessions("stocks_daily", "NODY") == everything - {7}
    assert 7 in sessions("stocks_minute", "NODY")
    untraded = history(market, "stocks_daily", "NOTR").filter(session=8)
    assert untraded.select("volume", "transactions").row(0) == (0, 0)
    assert 8 not in sessions("stocks_minute", "NOTR")
    halted = history(market, "stocks_minute", "HALT").filter(session=3)["clock"].dt.hour()
    assert {10, 13} <= set(halted)
    assert not {11, 12} & set(halted)


def test_splits_move_prices_volumes_and_contracts(market: Path) -> None:
    answer = json.loads((market / "reference/splits.json").read_text())
    facts = {fact["ticker"]: fact for fact in answer["results"]}
    assert set(facts) == {"QUAD", "REVS"}
    for ticker, fact in facts.items():
        bars = history(market, "stocks_daily", ticker)
        ex_date = pl.col("clock").dt.date() >= date.fromisoformat(fact["execution_date"])
        before, after = bars.filter(~ex_date), bars.filter(ex_date)
        ratio = fact["split_to"] / fact["split_from"]
        assert before["close"][-1] / after["open"][0] == pytest.approx(ratio, rel=0.1)
        shares = [float(side["volume"].sum()) / side.height for side in (before, after)]
        assert shares[1] / shares[0] == pytest.approx(ratio, rel=0.5)
    roots = [
        set(read(path)["ticker"].str.extract(r"^O:(.*)\d{6}[CP]\d{8}$"))
        for path in days(market, "options_daily")
    ]
    assert {"BRKB", "SPXW", "NA", "QUAD", "REVS"} <= roots[0]
    assert next(number for number, names in enumerate(roots) if "REVS1" in names) == 6


def test_contracts_are_listed_and_expire_inside_the_window(market: Path) -> None:
    expiry = [
        set(read(path)["ticker"].str.extract(r"(\d{6})[CP]\d{8}$"))
        for path in days(market, "options_daily")
    ]
    assert expiry[0] - expiry[-1]
    assert expiry[-1] - expiry[0]
    for path, dates in zip(days(market, "options_daily"), expiry, strict=True):
        assert min(dates) >= path.name[2:10].replace("-", "")
