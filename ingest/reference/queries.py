"""What is asked of the vendor for a table: one or more paged queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import quote, urlencode

from ingest.reference.tables import OPTION_CONTRACTS, TICKER_EVENTS, Table

PAGE_ROWS = 1000


@dataclass(frozen=True)
class Query:
    """One paged query.

    Attributes:
        name: of its pages in landing.
        asked: what it asks for, where an answer does not repeat it.
        path: of the endpoint.
        parameters: of its first page; later pages are named by the answers.
        may_be_absent: whether 404 means that there is nothing, rather than a wrong address.
    """

    name: str
    asked: str
    path: str
    parameters: dict[str, str] = field(default_factory=dict)
    may_be_absent: bool = False

    @property
    def target(self) -> str:
        """Path and query of the first page."""
        return f"{self.path}?{urlencode(self.parameters)}" if self.parameters else self.path


def queries(table: Table, since: date | None, events: list[str]) -> list[Query]:
    """The queries of one sync.

    Args:
        table: what to ask for.
        since: first date of an incremental sync; None for everything.
        events: the tickers to ask ticker_events for; the endpoint answers one a call.
    """
    if table.name == TICKER_EVENTS.name:
        return [
            Query(f"{place:05}", ticker, _events_path(ticker), may_be_absent=True)
            for place, ticker in enumerate(events)
        ]
    return [
        Query(name, name, path, _parameters(name, sort, since) | {**own})
        for name, path, sort, own in ENDPOINTS[table.name]
    ]


def _events_path(ticker: str) -> str:
    return f"/vX/reference/tickers/{quote(ticker, safe='')}/events"


def _parameters(name: str, sort: str, since: date | None) -> dict[str, str]:
    """Sorting, page size and first date. Options on the market are always asked for whole."""
    if not sort:
        return {}
    found = {"limit": str(PAGE_ROWS), "sort": sort, "order": "asc"}
    first_date = {"dividends": "ex_dividend_date.gte", "expired": "expiration_date.gte"}.get(name)
    return found | {first_date: since.isoformat()} if since and first_date else found


# Table → name, path, sort key and own parameters of its queries. Tickers are those of stocks: the
# lake holds bars of stocks and options only, and another market's tickers may read the same.
ENDPOINTS: dict[str, list[tuple[str, str, str, dict[str, str]]]] = {
    "tickers": [
        ("active", "/v3/reference/tickers", "ticker", {"market": "stocks", "active": "true"}),
        ("inactive", "/v3/reference/tickers", "ticker", {"market": "stocks", "active": "false"}),
    ],
    "ticker_types": [("ticker_types", "/v3/reference/tickers/types", "", {})],
    "splits": [("splits", "/v3/reference/splits", "execution_date", {})],
    "dividends": [("dividends", "/v3/reference/dividends", "ex_dividend_date", {})],
    OPTION_CONTRACTS.name: [
        ("listed", "/v3/reference/options/contracts", "ticker", {"expired": "false"}),
        ("expired", "/v3/reference/options/contracts", "ticker", {"expired": "true"}),
    ],
}


def window(table: Table, last: date) -> date:
    """The first date that an incremental sync after one of `last` fetches.

    It is the first of a month, so the syncs of a month ask for the same span and the newest of
    them replaces the others in landing.
    """
    return (last - timedelta(days=table.overlap)).replace(day=1)
