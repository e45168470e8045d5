"""Ticker → instrument: the name under which Qlib keeps a ticker.

pyqlib lower-cases an instrument into a folder name (`FileFeatureStorage`), reads
`instruments/all.txt` with pandas' missing values (`FileInstrumentStorage`), and renames Windows
devices in a way it cannot undo (`fname_to_code`). A ticker that survives all three keeps its
name; any other gets an alias. Both are pure functions of the ticker alone, so a name never
changes because another ticker appears.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import pairwise

from lake.errors import BadData

# Upper case only: `BACpL` and `BACPL` would share a folder. No underscore: it marks an alias.
_PLAIN = re.compile(r"[A-Z0-9](?:[A-Z0-9.-]{0,38}[A-Z0-9])?")
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{port}{n}" for port in ("COM", "LPT") for n in range(10)
}
# Those of pandas' missing values (`pandas._libs.parsers.STR_NA_VALUES`) which _PLAIN lets through.
_MISSING = {"NA", "NULL"}
_READABLE_LENGTH = 24


def instrument(ticker: str, prefix: str = "") -> str:
    """The Qlib name of a ticker.

    Args:
        ticker: exactly as published, any text.
        prefix: what every ordinary ticker of the store starts with and its name leaves out:
            `O:` for options, nothing for stocks. A ticker without it gets an alias, so the
            shortened names collide with nothing.

    Returns:
        The ticker without its prefix where Qlib can hold that; else an alias `READABLE_HASH` of
        upper-case letters, digits and one underscore, which no plain name contains.
    """
    name = ticker.removeprefix(prefix)
    plain = ticker.startswith(prefix) and _PLAIN.fullmatch(name) is not None
    if plain and name not in _MISSING and name.split(".")[0] not in _DEVICES:
        return name
    readable = re.sub(r"[^A-Z0-9]", "", name.upper())[:_READABLE_LENGTH] or "X"
    digest = hashlib.sha256(ticker.encode()).hexdigest()[:12].upper()
    return f"{readable}_{digest}"


def instruments(tickers: Iterable[str], prefix: str = "") -> dict[str, str]:
    """Map each ticker to its instrument, ordered by instrument.

    Raises:
        BadData: two tickers share an alias (a 48-bit hash; never seen).
    """
    pairs = sorted((instrument(ticker, prefix), ticker) for ticker in set(tickers))
    for (name, ticker), (following, other) in pairwise(pairs):
        if name == following:
            raise BadData(f"tickers {ticker!r} and {other!r} share the Qlib name {name}; drop one")
    return {ticker: name for name, ticker in pairs}


def symbols_csv(names: dict[str, str]) -> str:
    """The text of `symbols.csv`: a header, then `symbol,instrument` for every pair.

    Cells are quoted here because the csv module leaves a lone carriage return unquoted, which its
    own reader then refuses.
    """
    rows = [f"{_cell(ticker)},{name}\n" for ticker, name in names.items()]
    return "".join(["symbol,instrument\n", *rows])


def _cell(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(mark in text for mark in ',"\r\n') else text
