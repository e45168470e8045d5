"""A session of the sample market: how stocks and option contracts move and when they trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.sample_bars import OPENING, SLOTS, UNIT, Lines, Session, day_bars, on_grid
from ingest.sample_options import Contract, premiums
from ingest.sample_stocks import Stock, shares_a_bar

Floats = NDArray[np.float64]

# Minutes: the halt is counted from 04:00 New York, the post-market from the close.
HALT = slice(390, 540)
POST_MARKET = 240


def walk(rng: np.random.Generator, stocks: Sequence[Stock], levels: Floats) -> Floats:
    """(n, SLOTS + 1) prices in USD of one session, after a larger step overnight."""
    volatility = np.array([[stock.volatility] for stock in stocks])
    steps = rng.standard_normal((len(stocks), SLOTS + 1)) * volatility
    steps[:, 0] *= 10
    paths: Floats = np.exp(levels[:, None] + steps.cumsum(axis=1))
    return paths


def stock_lines(stocks: Sequence[Stock], paths: Floats, index: int, session: Session) -> Lines:
    """What the stocks do in this session."""
    silent = [index in stock.absent or stock.untraded == index for stock in stocks]
    trading = np.where(silent, 0.0, [stock.trading for stock in stocks])[:, None]
    chance = np.zeros((len(stocks), SLOTS))
    chance[:, : session.closing + POST_MARKET] = 0.2 * trading**2
    chance[:, OPENING : session.closing] = trading
    chance[[stock.halted == index for stock in stocks], HALT] = 0.0
    return Lines(
        tickers=[stock.ticker for stock in stocks],
        price=paths,
        chance=chance,
        wobble=np.array([stock.volatility for stock in stocks]),
        size=np.array([shares_a_bar(stock, index) for stock in stocks]),
        tick=np.array([stock.tick for stock in stocks]),
        lot=np.array([stock.lot for stock in stocks]),
    )


def option_lines(
    contracts: Sequence[Contract], spots: Mapping[str, Floats], session: Session
) -> Lines:
    """What the option contracts do in this session: they trade in regular hours only."""
    price, trading = premiums(contracts, spots, session.day)
    count = len(contracts)
    chance = np.zeros((count, SLOTS))
    chance[:, OPENING : session.closing] = trading[:, None]
    return Lines(
        tickers=[contract.ticker for contract in contracts],
        price=price,
        chance=chance,
        wobble=np.full(count, 0.01),
        size=np.full(count, 4.0),
        tick=np.full(count, 100),
        lot=np.full(count, UNIT),
    )


def stock_days(
    stocks: Sequence[Stock], paths: Floats, index: int, session: Session, minutes: pl.DataFrame
) -> pl.DataFrame:
    """Day bars of the stocks, one left out in its session and one added that did not trade."""
    unreported = [stock.ticker for stock in stocks if stock.unreported == index]
    traded = day_bars(minutes, session).filter(~pl.col("ticker").is_in(unreported))
    prices = on_grid(paths[:, session.closing] * UNIT, np.array([stock.tick for stock in stocks]))
    untraded = [
        (stock.ticker, 0, *[price] * 4, session.starts(hour=0), 0)
        for stock, price in zip(stocks, prices.tolist(), strict=True)
        if stock.untraded == index
    ]
    return traded.vstack(pl.DataFrame(untraded, traded.schema, orient="row")).sort("ticker")
