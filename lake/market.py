"""The SQL of bars and option chains. Values stand in DuckDB variables, never in it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lake import adjustment
from lake.archive import NAMES
from lake.datasets import DATASETS, pick
from lake.errors import UsageError

# Data set, and how long its bars are made → the table of silver.
TABLES = {
    ("stocks_daily", "day"): "stocks_daily",
    ("stocks_daily", "week"): "stocks_weekly",
    ("stocks_daily", "month"): "stocks_monthly",
    ("stocks_minute", "1min"): "stocks_minute",
    ("stocks_minute", "5min"): "stocks_5min",
    ("stocks_minute", "30min"): "stocks_30min",
    ("stocks_minute", "hour"): "stocks_hourly",
    ("options_daily", "day"): "options_daily",
    ("options_daily", "month"): "options_monthly",
    ("options_minute", "1min"): "options_minute",
}
# Names that are listed one by one, which takes longer than to read them when they are many.
FEW = 50
CHAIN = """
    SELECT expiration_date, strike_price, contract_type,
        * EXCLUDE (expiration_date, strike_price, contract_type)
    FROM {source}
    WHERE underlying = getvariable('asked').underlying AND date = getvariable('asked').date
    ORDER BY expiration_date, strike_price, contract_type, ticker
"""


@dataclass(frozen=True)
class BarsOf:
    """Which bars: their table, the data set that it is made from, and how long a bar is."""

    table: str
    dataset: str
    freq: str

    @property
    def source(self) -> str:
        """The table as SQL names it."""
        return view(self.table)

    @property
    def key(self) -> str:
        """The column that names the instrument."""
        return DATASETS[self.dataset].instrument

    @property
    def time(self) -> str:
        """The column that orders the bars of an instrument."""
        return "ts" if DATASETS[self.dataset].minute else "date"

    @property
    def period(self) -> str:
        """What `date` is the first day of."""
        return self.freq if self.freq in ("week", "month") else "day"

    def whole(self, first: date | None, last: date | None) -> tuple[date | None, date | None]:
        """The same span, from the first to the last day of the periods that it touches."""
        if self.period == "week":
            first = first and first - timedelta(first.weekday())
            last = last and last + min(timedelta(6 - last.weekday()), date.max - last)
        if self.period == "month":
            first = first and first.replace(day=1)
            last = last and last.replace(day=monthrange(last.year, last.month)[1])
        return first, last


def view(table: str) -> str:
    """A published table as SQL names it, with the archive where it has a part there."""
    return f"{'archive' if table in NAMES else 'silver'}.{table}"


def bars_of(symbols: Sequence[str] | None, dataset: str | None, freq: str | None) -> BarsOf:
    """The bars that are asked for; without a data set, contracts are known by their `O:`.

    Raises:
        UsageError: an unknown data set, bars that it does not have, or stocks beside contracts.
    """
    if dataset is None:
        contracts = [symbol.startswith("O:") for symbol in symbols or ()]
        if any(contracts) and not all(contracts):
            raise UsageError("stocks and option contracts are different data sets; ask for each")
        asset = "options" if any(contracts) else "stocks"
        freq = freq or "day"
        known = [name for name, length in TABLES if length == freq]
        dataset = next((name for name in known if DATASETS[name].asset == asset), asset)
    else:
        freq = freq or ("1min" if pick([dataset])[0].minute else "day")
    if (dataset, freq) not in TABLES:
        lengths = ", ".join(length for name, length in TABLES if name.startswith(dataset))
        raise UsageError(f"{dataset} has no bars of {freq}; it has those of {lengths}")
    return BarsOf(TABLES[dataset, freq], dataset, freq)


def as_date(value: date | str) -> date:
    """A date, also of a moment or of its ISO text.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is no date; write it as 2024-06-03") from None


def span(start: date | str | None, end: date | str | None) -> tuple[date | None, date | None]:
    """The first and last date, None where it is not given.

    Raises:
        UsageError: one is no date, or they are the wrong way round.
    """
    first, last = (None if value is None else as_date(value) for value in (start, end))
    if first and last and first > last:
        raise UsageError(f"{first} is after {last}")
    return first, last


def bars_sql(
    bars: BarsOf, source: str, symbols: int | None, *, start: bool, end: bool, adjusted: bool
) -> str:
    """One row a bar, ordered by instrument and time.

    The query reads the variables `symbols` (a list) and `span` (a struct of `first` and `last`,
    both included, as `BarsOf.whole` gives them).

    Args:
        bars: which.
        source: SQL of the table that they are in.
        symbols: how many, None for all.
        start: whether there is a first date.
        end: whether there is a last date.
        adjusted: put prices and volumes on the basis of the newest day.

    Raises:
        UsageError: contracts are asked for adjusted.
    """
    among, key = _among(bars.key, symbols), bars.key
    where = among
    where += " AND t.date >= getvariable('span').first" if start else ""
    where += " AND t.date <= getvariable('span').last" if end else ""
    order = f"ORDER BY {key}, {bars.time}"
    if not adjusted:
        return f"SELECT * FROM {source} AS t WHERE {where} {order}"
    if DATASETS[bars.dataset].asset != "stocks":
        raise UsageError("option contracts have no adjusted bars")
    factors = adjustment.factors("splits_and_dividends") + f" WHERE {among}"
    joined = adjustment.join(f"({factors})", "t.symbol", "t.date")
    if bars.period != "day":
        return f"{_longer(bars.period, source, joined, where)} {order}"
    return f"SELECT {_columns(bars.table)} FROM {source} AS t {joined} WHERE {where} {order}"


def _among(key: str, symbols: int | None) -> str:
    """The condition on an instrument. Items, not a list: by constants files are skipped."""
    if symbols is None:
        return f"{key} IS NOT NULL"
    asked = "getvariable('symbols')"
    if symbols > FEW:
        return f"{key} IN (SELECT unnest({asked}))"
    items = ", ".join(f"{asked}[{number + 1}]" for number in range(symbols))
    # A reader skips row groups by IN, but for `=` and functions alone rows before it decodes them.
    also = f" AND list_contains({asked}, {key})" if symbols > 1 else ""
    return f"{key} IN ({items}){also}"


def _columns(table: str) -> str:
    """The table's columns, prices and volume adjusted, and `factor`: adjusted / raw price."""
    prices = [name for name in adjustment.PRICES if name != "vwap" or table == "stocks_daily"]
    changed = adjustment.columns((*prices, "volume"))
    return f"t.* REPLACE ({changed}), coalesce(f.price, 1) AS factor"


def _longer(period: str, days: str, joined: str, where: str) -> str:
    """Weeks or months of adjusted days: an action inside one is in its first bars, too."""
    return f"""
        WITH days AS (
            SELECT {_columns("stocks_daily")},
                (t.close::double * t.volume::double)::hugeint AS dollars
            FROM {days} AS t {joined} WHERE {where}
        )
        SELECT symbol, date_trunc('{period}', t.date)::date AS date, min(t.date) AS first_date,
            max(t.date) AS last_date, count(*)::integer AS days, arg_min(open, t.date) AS open,
            max(high) AS high, min(low) AS low, arg_max(close, t.date) AS close,
            sum(volume ORDER BY t.date) AS volume, sum(dollars)::decimal(38, 0) AS dollar_volume,
            sum(transactions)::bigint AS transactions, arg_max(factor, t.date) AS factor
        FROM days AS t GROUP BY symbol, date_trunc('{period}', t.date)
    """
