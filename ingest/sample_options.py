"""Option contracts of the sample market: listing, prices, and what a split does to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Root as it stands in the option ticker → the instrument whose price drives it.
UNDERLYINGS = {
    "BRKB": "BRK.B",
    "DIVY": "DIVY",
    "NA": "NA",
    "QUAD": "QUAD",
    "REVS": "REVS",
    "SPXW": "SPX",
}
LISTED_AHEAD = timedelta(days=40)
YEARLY_VOLATILITY = 0.25


@dataclass(frozen=True)
class Contract:
    """One listed option.

    Attributes:
        root: the ticker's root, with a trailing digit once adjusted.
        underlying: the instrument whose price drives it.
        expiration: the last day it trades.
        kind: `C` or `P`.
        strike: in thousandths of a dollar, as the ticker has it.
        shares: what one contract delivers; 100 unless a reverse split adjusted it.
    """

    root: str
    underlying: str
    expiration: date
    kind: str
    strike: int
    shares: int = 100

    @property
    def ticker(self) -> str:
        """The vendor's ticker, such as `O:BRKB240621C00410000`."""
        return f"O:{self.root}{self.expiration:%y%m%d}{self.kind}{self.strike:08d}"


def expirations(days: Sequence[date]) -> list[date]:
    """The last trading day of every second week, the last and perhaps unfinished week left out."""
    weeks = {day.isocalendar()[:2]: day for day in days}
    return list(weeks.values())[:-1][::2]


def list_new(
    known: Sequence[Contract],
    expiries: Sequence[date],
    day: date,
    spots: Mapping[str, Floats],
    strikes: int,
) -> list[Contract]:
    """The contracts alive on `day`, by ticker: the known ones not yet expired and today's new ones.

    Args:
        known: what was alive before.
        expiries: every expiration date there will be.
        day: the session.
        spots: by underlying, today's prices in USD; new strikes lie around the first.
        strikes: how many strikes each new expiration gets.
    """
    alive = [contract for contract in known if contract.expiration >= day]
    listed = {contract.expiration for contract in alive}
    alive += [
        Contract(root, underlying, expiry, kind, strike)
        for expiry in expiries
        if day <= expiry <= day + LISTED_AHEAD and expiry not in listed
        for root, underlying in UNDERLYINGS.items()
        for strike in strike_ladder(float(spots[underlying][0]), strikes)
        for kind in "CP"
    ]
    return sorted(alive, key=lambda contract: contract.ticker)


def strike_ladder(price: float, count: int) -> list[int]:
    """`count` strikes around a price in USD, in thousandths, on a step that suits its size."""
    step = int(10 ** np.floor(np.log10(price)) * 50)
    lowest = max(round(price * 1000 / step) - count // 2, 1)
    return [strike * step for strike in range(lowest, lowest + count)]


def adjust(contracts: Sequence[Contract], splits: Mapping[str, tuple[int, int]]) -> list[Contract]:
    """The contracts after today's splits, given as old and new shares by underlying."""
    return [
        adjusted(contract, *splits[contract.underlying])
        if contract.underlying in splits
        else contract
        for contract in contracts
    ]


def adjusted(contract: Contract, old: int, new: int) -> Contract:
    """The contract after a split of its underlying from `old` to `new` shares.

    As the clearing house does it: a whole forward split divides the strike and keeps the root, a
    reverse split keeps the strike, delivers fewer shares and gets a root of its own.
    """
    if new > old:
        return replace(contract, strike=contract.strike * old // new)
    return replace(contract, root=f"{contract.root}1", shares=contract.shares * new // old)


def premiums(
    contracts: Sequence[Contract], spots: Mapping[str, Floats], day: date
) -> tuple[Floats, Floats]:
    """Option prices and how often each contract trades, by plausible rules of thumb.

    Args:
        contracts: n contracts, at least one.
        spots: by underlying, (minutes,) prices in USD.
        day: the session.

    Returns:
        (n, minutes) premiums in USD, at least a cent, and (n,) chances that a minute trades.
    """
    strike = np.array([[contract.strike / 1000] for contract in contracts])
    sign = np.array([[1.0 if contract.kind == "C" else -1.0] for contract in contracts])
    left = np.array([[(contract.expiration - day).days] for contract in contracts])
    worth = np.stack([spots[each.underlying] * (each.shares / 100) for each in contracts])
    deviation = YEARLY_VOLATILITY * np.sqrt((left + 0.3) / 365)
    distance = np.log(worth / strike) / deviation
    intrinsic = np.maximum(sign * (worth - strike), 0)
    time_value = 0.4 * worth * deviation * np.exp(-1.2 * np.abs(distance))
    chance = 0.06 * np.exp(-0.3 * np.abs(distance[:, 0]) - left[:, 0] / 40)
    return np.maximum(intrinsic + time_value, 0.01), chance
