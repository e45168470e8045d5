"""The reference tables: columns, keys, and what makes a row invalid."""

from __future__ import annotations

from dataclasses import dataclass

from lake.errors import UsageError


@dataclass(frozen=True)
class Column:
    """A column of a table, named as the vendor names its field.

    Attributes:
        name: field and column.
        kind: `string`, `number`, `whole`, `date`, `moment`, `flag` or `json`.
        required: a row without it is rejected.
        default: SQL for rows without it, over `asked`, what the query that found them asked for.
    """

    name: str
    kind: str = "string"
    required: bool = False
    default: str = "NULL"


@dataclass(frozen=True)
class Table:
    """A reference table.

    Attributes:
        name: of the table and its folders.
        columns: what it holds; other fields of the answers are ignored.
        key: SQL expressions; one row of the table for each of their values.
        rules: what makes a row invalid, as reason → SQL condition over its columns.
        rows: SQL for the JSON list of rows in an answer `json`.
        part: SQL for the stem of the file that a row goes into, a function of its key.
        keeps: SQL for the rows that an incremental sync leaves in the table; None where each sync
            fetches everything. It may name the sync's `$since`, its rows `fresh`, and `pages`.
        overlap: days before the last sync that an incremental one fetches again.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[tuple[str, str], ...] = ()
    rows: str = "json->'results'"
    part: str = "'part-0'"
    keeps: str | None = None
    overlap: int = 0


def _strings(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


TICKERS = Table(
    "tickers",
    (
        Column("ticker", required=True),
        *_strings("name", "market", "locale", "primary_exchange", "type", "currency_name"),
        *_strings("cik", "composite_figi", "share_class_figi"),
        Column("active", "flag", required=True, default="asked = 'active'"),
        Column("delisted_utc", "moment"),
        Column("last_updated_utc", "moment"),
    ),
    # A ticker is used again after a delisting, so it may stand in many rows.
    key=("ticker", "active", "CAST(delisted_utc AS DATE)"),
)
TICKER_TYPES = Table(
    "ticker_types",
    (Column("code", required=True), *_strings("description", "asset_class", "locale")),
    key=("code", "asset_class", "locale"),
)
SPLITS = Table(
    "splits",
    (
        Column("ticker", required=True),
        Column("execution_date", "date", required=True),
        Column("split_from", "number", required=True),
        Column("split_to", "number", required=True),
    ),
    key=("ticker", "execution_date"),
    rules=(
        ("split_from is not positive", "split_from <= 0"),
        ("split_to is not positive", "split_to <= 0"),
        # No volume of silver could be put on such a basis.
        ("more than 10,000 new shares for an old one", "split_to > 10000 * split_from"),
    ),
)
DIVIDENDS = Table(
    "dividends",
    (
        Column("ticker", required=True),
        Column("ex_dividend_date", "date", required=True),
        Column("cash_amount", "number", required=True),
        *_strings("currency", "dividend_type"),
        Column("frequency", "whole"),
        *(Column(name, "date") for name in ("declaration_date", "record_date", "pay_date")),
        Column("id"),
    ),
    key=(
        "id",
        *(
            f"CASE WHEN id IS NULL THEN {name} END"
            for name in ("ticker", "ex_dividend_date", "dividend_type", "cash_amount", "pay_date")
        ),
    ),
    rules=(("cash_amount is negative", "cash_amount < 0"),),
    # So a dividend that the vendor withdraws vanishes if its ex-date lies in the overlap.
    keeps="ex_dividend_date < $since",
    overlap=90,
)
OPTION_CONTRACTS = Table(
    "option_contracts",
    (
        Column("ticker", required=True),
        Column("underlying_ticker", required=True),
        Column("contract_type", required=True),
        Column("exercise_style"),
        Column("expiration_date", "date", required=True),
        Column("strike_price", "number", required=True),
        Column("shares_per_contract", "number", required=True),
        *_strings("primary_exchange", "cfi"),
        Column("additional_underlyings", "json"),
    ),
    key=("ticker",),
    rules=(("strike_price is negative", "strike_price < 0"),),
    # By the ticker's own expiration, so that a ticker stays in one file whatever its fields say.
    part=r"CASE WHEN regexp_matches(ticker, '\d{6}[CP]\d{8}$') "
    "THEN '20' || ticker[-15:-14] || '-' || ticker[-13:-12] ELSE 'other' END",
    # A contract that is listed no more stays: bars of its past refer to it.
    keeps="ticker NOT IN (SELECT ticker FROM fresh)",
    overlap=30,
)
TICKER_EVENTS = Table(
    "ticker_events",
    (
        Column("ticker", required=True),
        Column("date", "date", required=True),
        Column("type", required=True),
        Column("new_ticker", required=True),
        *_strings("name", "composite_figi", "cik"),
    ),
    key=("ticker", "date", "type", "new_ticker"),
    # The answer is one company with a list of events; its names go into each row.
    rows="to_json(list_transform(from_json(json->'$.results.events', '[\"JSON\"]'), lambda event: "
    "json_object('ticker', asked, 'date', event->'date', 'type', event->'type', "
    "'new_ticker', event->'$.ticker_change.ticker', 'name', json->'$.results.name', "
    "'composite_figi', json->'$.results.composite_figi', 'cik', json->'$.results.cik')))",
    keeps="ticker NOT IN (SELECT asked FROM pages)",
)

TABLES = {
    table.name: table
    for table in (TICKERS, TICKER_TYPES, SPLITS, DIVIDENDS, OPTION_CONTRACTS, TICKER_EVENTS)
}


def pick(names: list[str], events: list[str]) -> list[Table]:
    """The tables of these names, each once; all but ticker_events when none is named.

    Tickers whose events are wanted add ticker_events to the names; alone they mean just that.

    Raises:
        UsageError: a name is unknown, or ticker_events is asked for without tickers.
    """
    if unknown := [name for name in names if name not in TABLES]:
        raise UsageError(f"unknown table {unknown[0]!r}; known are {', '.join(TABLES)}")
    if TICKER_EVENTS.name in names and not events:
        raise UsageError("ticker_events is one call for each ticker: name them, --events META")
    wanted = [*names, TICKER_EVENTS.name] if events else names
    wanted = wanted or [name for name in TABLES if name != TICKER_EVENTS.name]
    return [TABLES[name] for name in dict.fromkeys(wanted)]
