"""Rows that break the contract: quarantined with a reason, never lost, never in the table."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from lake.layout import Layout
from tests.ingest.reference.conftest import (
    contract,
    dividend,
    one,
    quarantined,
    rows,
    split,
    ticker,
)
from tests.ingest.reference.server import Row, Vendor

GOOD: dict[str, Row] = {
    "splits": split("GOOD"),
    "dividends": dividend("GOOD", "2024-05-20"),
    "tickers": ticker("GOOD"),
    "option_contracts": contract("GOOD", date(2024, 9, 20)),
}


@pytest.mark.parametrize(
    ("table", "field", "value", "reason"),
    [
        ("splits", "ticker", None, "ticker is missing"),
        ("splits", "ticker", "", "ticker is missing"),
        ("splits", "ticker", True, "ticker is not text"),
        ("splits", "execution_date", None, "execution_date is missing"),
        ("splits", "execution_date", "2024-02-30", "execution_date is not a date"),
        ("splits", "execution_date", "06/10/2024", "execution_date is not a date"),
        ("splits", "execution_date", 20240610, "execution_date is not a date"),
        ("splits", "split_from", 0, "split_from is not positive"),
        ("splits", "split_to", -1, "split_to is not positive"),
        ("splits", "split_to", "4", "split_to is not a number"),
        ("splits", "split_to", float("nan"), "split_to is not a number"),
        ("splits", "split_to", None, "split_to is missing"),
        ("splits", "split_to", [4], "split_to is not a number"),
        ("dividends", "cash_amount", -0.1, "cash_amount is negative"),
        ("dividends", "cash_amount", None, "cash_amount is missing"),
        ("dividends", "pay_date", "soon", "pay_date is not a date"),
        ("dividends", "frequency", 4.5, "frequency is not a whole number"),
        ("tickers", "delisted_utc", "yesterday", "delisted_utc is not a time"),
        ("option_contracts", "underlying_ticker", None, "underlying_ticker is missing"),
        ("option_contracts", "strike_price", -5, "strike_price is negative"),
        ("option_contracts", "shares_per_contract", None, "shares_per_contract is missing"),
    ],
)
def test_a_row_that_breaks_the_contract(
    layout: Layout, server: Vendor, table: str, field: str, value: Any, reason: str
) -> None:
    bad = GOOD[table] | {field: value, "unknown": {"field": 1}}
    server.tables[table] = [bad, GOOD[table]]
    outcome = one(layout, server, table)
    assert (outcome.rows, outcome.quarantined, outcome.duplicates) == (1, 1, 0)
    assert rows(layout, table)[0]["ticker"] == GOOD[table]["ticker"]
    [found] = quarantined(layout, table)
    assert found["reason"] == reason
    assert str(json.loads(found["raw"])) == str(bad)
    assert found["page"].endswith("-000001.json.gz")


@pytest.mark.parametrize("thing", [None, "text", 7, ["list"]])
def test_a_row_that_is_no_object(layout: Layout, server: Vendor, thing: Any) -> None:
    server.tables["splits"] = [thing, split("GOOD")]
    assert one(layout, server, "splits").quarantined == 1
    assert [row["ticker"] for row in rows(layout, "splits")] == ["GOOD"]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("split_to", 0.0001, 0.0001),
        ("split_to", 1.0000000000000002, 1.0000000000000002),
        ("split_from", 1_000_000, 1e6),
        ("ticker", "é'\"\\", "é'\"\\"),
        ("execution_date", "1978-10-25", date(1978, 10, 25)),
    ],
)
def test_values_are_kept_as_sent(layout: Layout, server: Vendor, field, value, kept) -> None:
    server.tables["splits"] = [split("A") | {field: value}]
    one(layout, server, "splits")
    assert rows(layout, "splits")[0][field] == kept


def test_empty_text_is_no_value(layout: Layout, server: Vendor) -> None:
    server.tables["dividends"] = [
        dividend(name, "2024-05-20", id="", pay_date="", frequency=0) for name in "AB"
    ]
    assert one(layout, server, "dividends").rows == 2
    [first, _] = rows(layout, "dividends")
    assert (first["id"], first["pay_date"], first["frequency"]) == (None, None, 0)


def test_exact_duplicates_are_dropped_and_counted(layout: Layout, server: Vendor) -> None:
    server.tables["splits"] = [split("A"), split("B"), split("A"), split("C"), split("A")]
    outcome = one(layout, server, "splits")
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (3, 2, 0)
    assert quarantined(layout, "splits") == []


def test_of_conflicting_rows_the_last_wins(layout: Layout, server: Vendor) -> None:
    server.tables["splits"] = [split("A", new=2), split("B"), split("A", new=3), split("C")]
    server.tables["splits"] += [split("A", new=4), split("A", new=4)]
    outcome = one(layout, server, "splits")
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (3, 1, 2)
    assert rows(layout, "splits")[0]["split_to"] == 4.0
    losers = [json.loads(row["raw"])["split_to"] for row in quarantined(layout, "splits")]
    assert losers == [2, 3]
    assert {row["reason"] for row in quarantined(layout, "splits")} == {
        "another row of the same key came later"
    }


def test_the_quarantine_follows_the_table(layout: Layout, server: Vendor) -> None:
    bad = [dividend("OLD", "2010-01-04", -1), dividend("NEW", "2024-05-20", -1)]
    server.tables["dividends"] += bad
    one(layout, server, "dividends")
    server.tables["dividends"].append(dividend("NEXT", "2024-06-03", -1))
    for _ in range(2):
        assert one(layout, server, "dividends").quarantined == 2
        names = [json.loads(row["raw"])["ticker"] for row in quarantined(layout, "dividends")]
        assert names == ["OLD", "NEW", "NEW", "NEXT"]
    server.tables["dividends"] = [dividend("A", "2024-05-20")]
    one(layout, server, "dividends", full=True)
    assert not layout.reference_quarantine("dividends").exists()
