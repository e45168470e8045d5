"""Adjusted prices: the one formula by which gold and queries apply silver.adjustment_factors."""

from __future__ import annotations

from collections.abc import Iterable

from lake.layout import Layout

# The column that adjusts prices. A share count changes by splits alone, whatever the choice.
PRICE = {"splits": "split_factor", "splits_and_dividends": "cumulative_factor"}
ADJUSTMENTS = ("none", *PRICE)
PRICES = ("open", "high", "low", "close", "vwap")


def factors(adjustment: str) -> str:
    """SQL of the published factors: ticker, begins, ends (dates, both included), price, volume.

    Adjusted price = price as traded * `price`, adjusted volume = volume / `volume`. A ticker
    without a row, or a date without one, is not adjusted.
    """
    return f"""
        select symbol as ticker, from_date as begins, to_date as ends,
            {PRICE[adjustment]}::double as price, split_factor::double as volume
        from silver.adjustment_factors
    """


def landed(layout: Layout) -> bool:
    """Whether splits or dividends are in bronze, so that there is something to adjust by."""
    tables = [layout.reference(name) for name in ("splits", "dividends")]
    return any(any(table.glob("*.parquet")) for table in tables)


def join(factors: str, ticker: str, date: str) -> str:
    """SQL that joins a table of such factors as `f`."""
    return f"left join {factors} as f on f.ticker = {ticker} and {date} between f.begins and f.ends"


def adjusted(column: str, value: str, price: str, volume: str) -> str:
    """SQL of a column as a double, adjusted where it is a price or the volume.

    A split changes the number of shares inversely to prices.

    Args:
        column: its name.
        value: SQL of its raw value.
        price: SQL of the factor of prices, never null.
        volume: SQL of that of volumes.
    """
    if column in PRICES:
        return f"{value}::double * {price}"
    return f"{value}::double / {volume}" if column == "volume" else f"{value}::double"


def columns(names: Iterable[str]) -> str:
    """SQL of prices or the volume of a table `t`, by the factors that `join` gave it, if any."""
    price, volume = "coalesce(f.price, 1)", "coalesce(f.volume, 1)"
    return ", ".join(f"{adjusted(name, f't.{name}', price, volume)} as {name}" for name in names)
