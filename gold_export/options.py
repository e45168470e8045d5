"""What an export is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Store → its data sets.
STORES = {
    "stocks_daily": ("stocks_daily",),
    "stocks_minute": ("stocks_minute",),
    "options": ("options_daily", "options_minute"),
}
# Qlib keeps one file an instrument and field, so only day bars of stocks are exported whole.
DEFAULT_TOP = {"stocks_daily": 0, "stocks_minute": 500, "options": 5000}
# The vendor's ticker types that make a list. A list of funds holds those backed by assets: common
# funds, single-security funds and vehicles (GLD is an ETV). Notes (ETN) are debt of their issuer.
TYPES = {"cs": ("CS",), "etf": ("ETF", "ETS", "ETV")}


@dataclass(frozen=True)
class ExportOptions:
    """What of silver a store holds.

    Attributes:
        fields: data set → columns of silver, for stocks_daily also `factor` and `change`; a data
            set without an entry gets everything numeric.
        symbols: the tickers to export; empty means no list.
        top: where there is no list, keep this many, by dollar volume over the exported bars, for
            each data set of the store; 0 keeps all; None is the store's default.
        lists: for each N of these, `instruments/top<N>.txt` names the N largest instruments of the
            store by dollar volume over the exported bars.
        types: list → the ticker types whose stocks `instruments/<list>.txt` names; not written
            where no reference data is published.
        adjustment: of the day bars of stocks: `none` (as traded, factor 1.0 at every bar),
            `splits` or `splits_and_dividends`. Minutes and options always are as traded: minutes
            are read within a day, and a contract's terms change with its underlying's splits.
        batch_rows: rows held at a time; changes memory, never the result.
    """

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    top: int | None = None
    lists: tuple[int, ...] = (100,)
    types: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(TYPES))
    adjustment: str = "splits_and_dividends"
    batch_rows: int = 250_000

    def limit(self, store: str) -> int:
        """The number of instruments to keep in a store, 0 for all."""
        if self.symbols:
            return 0
        return DEFAULT_TOP[store] if self.top is None else self.top


@dataclass(frozen=True)
class ExportReport:
    """What an export did, or found when nothing had changed.

    Attributes:
        store: its name.
        instruments: instruments in the store.
        files: feature files in the store.
        rows: silver rows in the store.
        bytes: size of the feature files.
        left_out: rows of the universe that have no place in the calendar: on no session of the
            exchange, or outside its regular minutes.
        seconds: wall-clock time of this call.
        skipped: True when the store was up to date and nothing was written.
        incremental: True when only what changed in silver was written.
        adjusted: whether corporate actions were known and their factors applied; False leaves
            prices as traded, whatever the adjustment that was asked for.
    """

    store: str
    instruments: int
    files: int
    rows: int
    bytes: int
    left_out: int
    seconds: float
    skipped: bool
    incremental: bool
    adjusted: bool
