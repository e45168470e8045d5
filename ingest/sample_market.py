"""A small generated US market in the vendor's bucket layout: the awkward cases, no download."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ingest.sample_bars import UNIT, Session, day_bars, sample_bars, trading_days
from ingest.sample_options import Contract, adjust, expirations, list_new
from ingest.sample_stocks import (
    Stock,
    awkward_stocks,
    corporate_actions,
    event_stocks,
    ordinary_stocks,
    splits_of,
)
from ingest.sample_trading import option_lines, stock_days, stock_lines, walk
from lake.datasets import DATASETS
from lake.files import write_json

COLUMNS = ["ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"]


def write_sample_market(
    folder: Path,
    *,
    sessions: int = 60,
    symbols: int = 30,
    strikes: int = 9,
    seed: int = 7,
    first: date = date(2024, 5, 1),
) -> None:
    """Write a generated market: all four data sets, and the facts behind it as REST answers.

    The same arguments write the same bytes. Files are `<folder>/<the vendor's object key>` and
    `<folder>/reference/{splits,dividends,tickers}.json`.

    Args:
        folder: takes the place of the bucket.
        sessions: XNYS trading days. Events are spread over them; fewer than 10 crowd some out.
        symbols: ordinary stocks, at most 26**4, beside some 25 special ones.
        strikes: strikes, each as call and put, of every underlying and expiration.
        seed: of the random numbers.
        first: the first day, if it is a trading day, else the next one is.
            From 2000-01-03 on, early enough for `lake.calendar` to know the weeks after the last.
    """
    rng = np.random.default_rng(seed)
    days = trading_days(first, sessions)
    expiries = expirations([session.day for session in days])
    stocks = [*ordinary_stocks(symbols, rng), *event_stocks(sessions), *awkward_stocks()]
    stocks.sort(key=lambda stock: stock.ticker)
    levels = np.log([stock.price for stock in stocks])
    contracts: list[Contract] = []
    for index, session in enumerate(days[:sessions]):
        paths = walk(rng, stocks, levels + corporate_actions(stocks, levels, index))
        levels = np.log(paths[:, -1])
        minutes = sample_bars(rng, stock_lines(stocks, paths, index, session), session)
        write_bars(folder, "stocks_minute", session, minutes)
        daily = stock_days(stocks, paths, index, session, minutes)
        write_bars(folder, "stocks_daily", session, daily)

        spots = {stock.ticker: path for stock, path in zip(stocks, paths, strict=True)}
        contracts = adjust(contracts, splits_of(stocks, index))
        contracts = list_new(contracts, expiries, session.day, spots, strikes)
        minutes = sample_bars(rng, option_lines(contracts, spots, session), session)
        write_bars(folder, "options_minute", session, minutes)
        write_bars(folder, "options_daily", session, day_bars(minutes, session))
    write_reference(folder / "reference", stocks, [session.day for session in days])


def write_bars(folder: Path, dataset: str, session: Session, bars: pl.DataFrame) -> None:
    """Write one flat file; without a time in the gzip header the same bars are the same bytes."""
    # Divided by numpy: polars multiplies by the reciprocal, which is off in the last digit.
    exact = [pl.Series(name, bars[name].to_numpy() / UNIT) for name in COLUMNS[1:6]]
    text = (
        bars.select(COLUMNS)
        .with_columns(exact)
        .with_columns(pl.col(COLUMNS[1:6]).cast(pl.String).str.strip_suffix(".0"))
    )
    path = folder / DATASETS[dataset].object_key(session.day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.write_csv().encode(), 6, mtime=0))


def write_reference(folder: Path, stocks: Sequence[Stock], days: Sequence[date]) -> None:
    """Write splits, dividends and tickers in the shape of the vendor's REST answers."""
    answers = {
        "splits": [
            {
                "execution_date": days[index],
                "split_from": old,
                "split_to": new,
                "ticker": stock.ticker,
            }
            for stock in stocks
            if stock.split
            for index, old, new in [stock.split]
        ],
        "dividends": [
            dividend_fact(stock.ticker, *stock.dividend, days) for stock in stocks if stock.dividend
        ],
        "tickers": [ticker_fact(stock, days) for stock in stocks if stock.trading],
    }
    for name, results in answers.items():
        answer = {"results": results, "status": "OK", "request_id": f"sample-{name}"}
        write_json(folder / f"{name}.json", answer)


def dividend_fact(ticker: str, index: int, cash: float, days: Sequence[date]) -> dict[str, Any]:
    """One quarterly dividend as the vendor reports it."""
    return {
        "cash_amount": cash,
        "declaration_date": days[index] - timedelta(days=30),
        "dividend_type": "CD",
        "ex_dividend_date": days[index],
        "frequency": 4,
        "pay_date": days[index + 10],
        "record_date": days[index],
        "ticker": ticker,
    }


def ticker_fact(stock: Stock, days: Sequence[date]) -> dict[str, Any]:
    """One ticker as the vendor reports it."""
    delisting = {"delisted_utc": f"{days[stock.absent.start]}T00:00:00Z"} if stock.delisted else {}
    return {
        "ticker": stock.ticker,
        "name": f"{stock.ticker} Sample Corp.",
        "market": "stocks",
        "locale": "us",
        "primary_exchange": "XNYS",
        "type": "CS",
        "active": not stock.delisted,
        "currency_name": "usd",
        "last_updated_utc": f"{days[0]}T00:00:00Z",
        **delisting,
    }
