"""Stocks of the sample market: ordinary ones, one for each event, and the awkward ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from ingest.sample_bars import UNIT

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stock:
    """One instrument and everything that happens to it; sessions are counted from 0.

    Attributes:
        ticker: as published, case kept.
        price: on the first session, USD.
        trading: chance that a minute of the regular session has a bar.
        volatility: standard deviation of one minute's log return.
        size: median shares of a minute bar.
        tick: smallest price step, in ten-thousandths of a dollar.
        lot: smallest volume step, in ten-thousandths of a share.
        split: session, old shares, new shares.
        dividend: session, USD a share.
        absent: sessions without any bar.
        halted: session without bars for hours.
        untraded: session whose only bar is a day bar with volume 0.
        unreported: session with minute bars and no day bar.
        delisted: whether it left the market for good.
    """

    ticker: str
    price: float
    trading: float = 0.3
    volatility: float = 0.0005
    size: float = 400.0
    tick: int = 100
    lot: int = UNIT
    split: tuple[int, int, int] | None = None
    dividend: tuple[int, float] | None = None
    absent: range = range(0)
    halted: int | None = None
    untraded: int | None = None
    unreported: int | None = None
    delisted: bool = False


def ordinary_stocks(count: int, rng: np.random.Generator) -> list[Stock]:
    """Stocks from a few to some hundred dollars, from a bar every minute to a few bars a day."""
    activity = np.geomspace(0.97, 0.02, count)
    prices = np.exp(rng.uniform(1.5, 6.0, count))
    names = ("S" + "".join(letters) for letters in product(ascii_uppercase, repeat=4))
    return [
        Stock(name, float(price), float(trading), size=100 + 4000 * trading**2)
        for name, price, trading in zip(names, prices, activity, strict=False)
    ]


def event_stocks(sessions: int) -> list[Stock]:
    """One stock for each kind of event, spread over the sessions."""
    dark, gone = sessions * 2 // 5, sessions * 3 // 4
    return [
        Stock("QUAD", 480.0, 0.8, size=900.0, split=(sessions // 3, 1, 4)),
        Stock("REVS", 1.3, 0.5, size=9000.0, split=(sessions // 2, 10, 1)),
        Stock("DIVY", 61.0, 0.6, dividend=(sessions * 5 // 12, 0.59375)),
        Stock("HALT", 23.0, 0.9, halted=sessions // 4),
        Stock("DARK", 12.5, absent=range(dark, dark + 3)),
        Stock("IPOX", 18.0, 0.7, absent=range(sessions // 2)),
        Stock("GONE", 2.2, absent=range(gone, sessions), delisted=True),
        Stock("NOTR", 9.9, 0.03, untraded=sessions * 2 // 3),
        Stock("NODY", 33.0, unreported=sessions * 3 // 5),
    ]


def awkward_stocks() -> list[Stock]:
    """Tickers that software takes for something else, and unusual prices and volumes."""
    return [
        *(Stock(name, 15.0) for name in ("NA", "NAN", "NULL", "TRUE", "CON", "ZVZZT")),
        Stock("BACPL", 27.0, 0.1),
        Stock("BACpL", 1180.0, 0.05, size=20.0),
        Stock("BRK.A", 612_345.67, 0.2, 0.0002, size=3.0),
        Stock("BRK.B", 412.0, 0.9),
        Stock("ABC.WS", 0.85, 0.04),
        Stock("PENY", 0.0234, 0.4, 0.002, size=20_000.0, tick=1),
        Stock("FRAC", 88.0, 0.3, lot=1),
        Stock("FLAT", 10.02, 0.5, 1e-6),
        Stock("SPX", 5200.0, 0.0),  # an index: it drives options and has no bars of its own
    ]


def corporate_actions(stocks: Sequence[Stock], levels: Floats, index: int) -> Floats:
    """(n,) what splits and dividends of this session add to the logarithm of the price."""
    change = np.zeros(len(stocks))
    for row, stock in enumerate(stocks):
        if stock.split and stock.split[0] == index:
            change[row] = np.log(stock.split[1] / stock.split[2])
        if stock.dividend and stock.dividend[0] == index:
            change[row] = np.log1p(-stock.dividend[1] / np.exp(levels[row]))
    return change


def splits_of(stocks: Sequence[Stock], index: int) -> dict[str, tuple[int, int]]:
    """By ticker, old and new shares of the splits of this session."""
    splits = {stock.ticker: stock.split for stock in stocks if stock.split}
    return {ticker: (old, new) for ticker, (day, old, new) in splits.items() if day == index}


def shares_a_bar(stock: Stock, index: int) -> float:
    """Median shares of a minute bar, in the shares of this session."""
    if stock.split and index >= stock.split[0]:
        return stock.size * stock.split[2] / stock.split[1]
    return stock.size
