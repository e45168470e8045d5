"""A small market's reference data behind a server of its own, and the tables of a lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.reference.api import Api
from ingest.reference.report import Synced, SyncReport
from ingest.reference.sync import sync
from lake.layout import Layout
from tests.ingest.reference.server import KEY, Row, Vendor, vendor

TODAY = date(2024, 6, 10)


def split(ticker: str, day: str = "2024-06-10", old: Any = 1, new: Any = 4) -> Row:
    return {"ticker": ticker, "execution_date": day, "split_from": old, "split_to": new}


def dividend(ticker: str, day: str, cash: Any = 0.25, **more: Any) -> Row:
    own = {"ticker": ticker, "ex_dividend_date": day, "cash_amount": cash, "frequency": 4}
    return own | {"dividend_type": "CD", "currency": "USD", "pay_date": day} | more


def ticker(name: str, active: bool = True, **more: Any) -> Row:
    own = {"ticker": name, "name": f"{name} Inc.", "market": "stocks", "locale": "us"}
    return own | {"type": "CS", "active": active, "currency_name": "usd"} | more


def contract(root: str, day: date, strike: int = 65, **more: Any) -> Row:
    return {
        "ticker": f"O:{root}{day:%y%m%d}C{strike * 1000:08}",
        "underlying_ticker": root,
        "contract_type": "call",
        "exercise_style": "american",
        "expiration_date": day.isoformat(),
        "strike_price": strike,
        "shares_per_contract": 100,
        "primary_exchange": "BATO",
        "cfi": "OCASPS",
    } | more


def fill(server: Vendor) -> None:
    """Some pages of every table, with what is nasty but valid in them."""
    names = ["A", "BRK.A", "BACpL", "NA", "NAN", "TRUE", "NULL"]
    gone = {"delisted_utc": "2019-03-01T05:00:00Z", "last_updated_utc": "2024-01-01T00:00:00.5Z"}
    server.tables["tickers"] = [ticker(name) for name in names]
    server.tables["tickers"] += [ticker(name, active=False, **gone) for name in names[:4]]
    server.tables["ticker_types"] = [
        {"code": "CS", "description": "Common Stock", "asset_class": "stocks", "locale": "us"}
    ]
    server.tables["splits"] = [
        split(name, f"20{place:02}-01-03") for place, name in enumerate(names)
    ]
    server.tables["splits"].append(split("FUTURE", "2031-01-02"))
    server.tables["dividends"] = [
        dividend(name, f"20{place:02}-02-03", id=f"E{place}") for place, name in enumerate(names)
    ]
    server.tables["dividends"].append(dividend("A", "2024-05-20", id="recent"))
    server.tables["option_contracts"] = [
        contract("A", date(2024, month, 21), strike) for month in (3, 6, 9) for strike in (65, 70)
    ]


@pytest.fixture
def server() -> Iterator[Vendor]:
    """The vendor, with a small market."""
    with vendor() as running:
        fill(running)
        yield running


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty lake, at a path that needs quoting."""
    return Layout(tmp_path / "a lake's")


def client(server: Vendor, waits: list[float] | None = None, **more: Any) -> Api:
    """A client whose waits take no time and are written down."""
    waits = [] if waits is None else waits
    return Api(server.base, KEY, sleep=waits.append, **more)


def synced(layout: Layout, server: Vendor, *tables: str, **more: Any) -> SyncReport:
    """A sync of some tables."""
    more = {"today": TODAY} | more
    return sync(layout, client(server), list(tables), **more)


def one(layout: Layout, server: Vendor, table: str, **more: Any) -> Synced:
    """A sync of one table, which has to succeed."""
    report = synced(layout, server, table, **more)
    assert report.failed == []
    [outcome] = report.synced
    return outcome


def rows(layout: Layout, table: str) -> list[Row]:
    """All rows of a table."""
    return frame(layout, table).to_dicts()


def frame(layout: Layout, table: str) -> pl.DataFrame:
    """A table, in order."""
    files = sorted(layout.reference(table).glob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]).sort(pl.all(), maintain_order=True)


def quarantined(layout: Layout, table: str) -> list[Row]:
    """The rejected rows of a table."""
    path = layout.reference_quarantine(table)
    return pl.read_parquet(path).to_dicts() if path.exists() else []
