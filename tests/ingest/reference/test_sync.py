"""What a sync asks for, and what the tables hold after it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.adjustment import landed
from lake.errors import LakeBusy, UsageError
from lake.layout import Layout
from lake.lock import writing
from tests.conftest import SHARED
from tests.ingest.reference.conftest import (
    TODAY,
    contract,
    dividend,
    frame,
    one,
    quarantined,
    rows,
    split,
    synced,
    ticker,
)
from tests.ingest.reference.server import Row, Vendor

SAMPLES = SHARED / "data/api-samples"


def first_pages(server: Vendor) -> list[str]:
    return [target for target in server.asked if "cursor" not in target]


def folders(layout: Layout, table: str) -> list[str]:
    return sorted(path.name for path in layout.api_landing(table).iterdir())


def test_the_first_sync_fetches_everything(layout: Layout, server: Vendor) -> None:
    report = synced(layout, server)
    assert [(item.table, item.rows, item.pages, item.full) for item in report.synced] == [
        ("tickers", 11, 5, True),
        ("ticker_types", 1, 1, True),
        ("splits", 8, 3, True),
        ("dividends", 8, 3, True),
        ("option_contracts", 6, 3, True),
    ]
    assert len(server.asked) == 15
    assert all("limit=1000" in t for t in first_pages(server) if "types" not in t)
    assert not layout.reference("ticker_events").exists()


def test_names_survive_as_they_are(layout: Layout, server: Vendor) -> None:
    synced(layout, server, "tickers", "splits")
    names = {"A", "BRK.A", "BACpL", "NA", "NAN", "TRUE", "NULL"}
    assert {row["ticker"] for row in rows(layout, "tickers")} == names
    assert {row["ticker"] for row in rows(layout, "splits")} == names | {"FUTURE"}


def test_columns_are_those_of_the_contract(layout: Layout, server: Vendor) -> None:
    synced(layout, server)
    schemas = {}
    for table in ("splits", "dividends", "tickers"):
        [file] = layout.reference(table).glob("*.parquet")
        schemas[table] = {field.name: field.type for field in pq.read_schema(file)}
    day, text, number = pa.date32(), pa.string(), pa.float64()
    assert schemas["splits"] == {
        "ticker": text,
        "execution_date": day,
        "split_from": number,
        "split_to": number,
    }
    assert schemas["dividends"]["frequency"] == pa.int32()
    assert schemas["dividends"]["pay_date"] == day
    assert schemas["tickers"]["active"] == pa.bool_()
    assert schemas["tickers"]["delisted_utc"] == pa.timestamp("us", "UTC")


def test_values_of_a_delisted_ticker(layout: Layout, server: Vendor) -> None:
    one(layout, server, "tickers")
    [gone] = [row for row in rows(layout, "tickers") if row["ticker"] == "NA" and not row["active"]]
    assert gone["delisted_utc"] == datetime(2019, 3, 1, 5, tzinfo=UTC)
    assert gone["last_updated_utc"] == datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_a_reused_ticker_has_a_row_for_each_life(layout: Layout, server: Vendor) -> None:
    lives = [ticker("X", False, delisted_utc=f"20{year}-03-01T00:00:00Z") for year in (10, 15)]
    server.tables["tickers"] = [ticker("X"), *lives, lives[0]]
    outcome = one(layout, server, "tickers")
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (3, 1, 0)


def test_activity_follows_the_query_where_a_row_does_not_say(
    layout: Layout, server: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = {"ticker": "X", "name": "X Inc."}
    monkeypatch.setattr(
        server, "_rows", lambda table, asked: [silent] if asked["active"] == "true" else []
    )
    one(layout, server, "tickers")
    assert [(row["ticker"], row["active"]) for row in rows(layout, "tickers")] == [("X", True)]


def test_a_corrected_and_a_withdrawn_split_of_long_ago(layout: Layout, server: Vendor) -> None:
    one(layout, server, "splits")
    listed = server.tables["splits"]
    server.tables["splits"] = [split("A", "2000-01-03", 1, 7), *listed[2:], split("NEW")]
    outcome = one(layout, server, "splits", today=TODAY + timedelta(days=1))
    assert (outcome.full, outcome.rows) == (True, 8)
    found = {row["ticker"]: row["split_to"] for row in rows(layout, "splits")}
    assert found["A"] == 7.0
    assert "BRK.A" not in found
    assert found["FUTURE"] == found["NEW"] == 4.0


def test_dividends_are_asked_for_from_the_overlap_on(layout: Layout, server: Vendor) -> None:
    one(layout, server, "dividends")
    server.asked.clear()
    server.tables["dividends"] = [
        dividend("A", "2000-02-03", 9, id="E0"),
        dividend("A", "2024-05-20", 0.5, id="recent"),
        dividend("B", "2024-07-01", id="declared"),
    ]
    outcome = one(layout, server, "dividends", today=TODAY + timedelta(days=1))
    assert not outcome.full
    [target] = server.asked
    assert "ex_dividend_date.gte=2024-03-01" in target
    found = {row["id"]: row["cash_amount"] for row in rows(layout, "dividends")}
    assert len(found) == 9
    assert (found["E0"], found["recent"], found["declared"]) == (0.25, 0.5, 0.25)


def test_a_dividend_withdrawn_in_the_overlap_vanishes(layout: Layout, server: Vendor) -> None:
    one(layout, server, "dividends")
    del server.tables["dividends"][-1]
    one(layout, server, "dividends")
    assert "recent" not in {row["id"] for row in rows(layout, "dividends")}


def test_full_finds_what_the_overlap_does_not(layout: Layout, server: Vendor) -> None:
    one(layout, server, "dividends")
    server.tables["dividends"][0]["cash_amount"] = 9
    one(layout, server, "dividends")
    assert rows(layout, "dividends")[0]["cash_amount"] == 0.25
    assert one(layout, server, "dividends", full=True).full
    assert rows(layout, "dividends")[0]["cash_amount"] == 9.0


def test_a_dividend_that_moves_across_the_overlap_stands_once(
    layout: Layout, server: Vendor
) -> None:
    one(layout, server, "dividends")
    server.tables["dividends"].append(dividend("A", "2024-06-03", id="E0"))
    outcome = one(layout, server, "dividends")
    assert (outcome.rows, outcome.quarantined) == (8, 1)
    [moved] = [row for row in rows(layout, "dividends") if row["id"] == "E0"]
    assert moved["ex_dividend_date"] == date(2024, 6, 3)
    [old] = quarantined(layout, "dividends")
    assert json.loads(old["raw"])["ex_dividend_date"] == "2000-02-03"


def test_two_dividends_of_one_day_are_both_kept(layout: Layout, server: Vendor) -> None:
    server.tables["dividends"] = [
        dividend("A", "2024-06-03", 0.25),
        dividend("A", "2024-06-03", 2, dividend_type="SC"),
    ]
    outcome = one(layout, server, "dividends")
    assert (outcome.rows, outcome.quarantined, outcome.duplicates) == (2, 0, 0)


def test_contracts_by_the_month_they_expire_in(layout: Layout, server: Vendor) -> None:
    one(layout, server, "option_contracts")
    files = sorted(path.name for path in layout.reference("option_contracts").iterdir())
    assert files == ["2024-03.parquet", "2024-06.parquet", "2024-09.parquet"]


def test_expired_contracts_are_settled(layout: Layout, server: Vendor) -> None:
    one(layout, server, "option_contracts")
    settled = layout.reference("option_contracts") / "2024-03.parquet"
    before = settled.stat().st_mtime_ns
    server.today = "2024-06-25"
    server.asked.clear()
    added = [contract("B", date(2024, 6, 21)), contract("B", date(2024, 12, 20))]
    adjusted = contract("A", date(2024, 9, 21), 70, shares_per_contract=150)
    server.tables["option_contracts"] = [*server.tables["option_contracts"][:5], adjusted, *added]
    outcome = one(layout, server, "option_contracts", today=date(2024, 6, 25))
    assert (outcome.rows, outcome.full, outcome.quarantined) == (8, False, 0)
    assert "expiration_date.gte=2024-05-01" in first_pages(server)[1]
    assert "expiration_date" not in first_pages(server)[0]
    assert settled.stat().st_mtime_ns == before
    found = {row["ticker"]: row["shares_per_contract"] for row in rows(layout, "option_contracts")}
    assert found[adjusted["ticker"]] == 150.0


def test_a_contract_that_is_listed_no_more_stays_until_full(layout: Layout, server: Vendor) -> None:
    one(layout, server, "option_contracts")
    del server.tables["option_contracts"][-2:]
    assert one(layout, server, "option_contracts").rows == 6
    assert one(layout, server, "option_contracts", full=True).rows == 4
    files = sorted(path.name for path in layout.reference("option_contracts").iterdir())
    assert files == ["2024-03.parquet", "2024-06.parquet"]


def test_a_contract_of_another_form_is_kept(layout: Layout, server: Vendor) -> None:
    odd = contract("A", date(2024, 6, 21)) | {"ticker": "O:ODD"}
    more: Row = {"additional_underlyings": [{"type": "equity", "underlying": "VMW", "amount": 44}]}
    server.tables["option_contracts"] = [odd, contract("SDS1", date(2024, 6, 21), **more)]
    one(layout, server, "option_contracts")
    odd_row, adjusted = rows(layout, "option_contracts")
    assert odd_row["ticker"] == "O:ODD"
    assert json.loads(adjusted["additional_underlyings"])[0]["underlying"] == "VMW"


def test_events_of_named_tickers(layout: Layout, server: Vendor) -> None:
    changes = [("2022-06-09", "META"), ("2012-05-18", "FB")]
    for asked in ("META", "A/B"):
        server.events[asked] = {
            "name": "Meta",
            "cik": "0001326801",
            "composite_figi": "BBG000MM2P62",
            "events": [
                {"ticker_change": {"ticker": name}, "type": "ticker_change", "date": day}
                for day, name in changes
            ],
        }
    report = synced(layout, server, events=["META", "A/B", "NONE", "META"])
    [outcome] = report.synced
    assert (outcome.table, outcome.rows, outcome.pages) == ("ticker_events", 4, 3)
    assert server.asked[1] == "/vX/reference/tickers/A%2FB/events"
    found = rows(layout, "ticker_events")
    assert [row["new_ticker"] for row in found if row["ticker"] == "META"] == ["FB", "META"]
    assert found[0]["cik"] == "0001326801"
    server.events["META"]["events"].pop()
    synced(layout, server, events=["META"])
    assert [row["ticker"] for row in rows(layout, "ticker_events")] == ["A/B", "A/B", "META"]


def test_syncs_that_are_replaced_go(layout: Layout, server: Vendor) -> None:
    for day in (TODAY, date(2024, 6, 11), date(2024, 6, 12), date(2024, 7, 30), date(2024, 8, 1)):
        synced(layout, server, "splits", "dividends", today=day)
    assert folders(layout, "splits") == ["00005-2024-08-01"]
    assert folders(layout, "dividends") == [
        "00001-2024-06-10",
        "00004-2024-07-30-since-2024-03-01",
        "00005-2024-08-01-since-2024-05-01",
    ]
    one(layout, server, "dividends", full=True)
    assert folders(layout, "dividends") == ["00006-2024-06-10"]


def test_a_table_without_its_bronze_is_fetched_whole(layout: Layout, server: Vendor) -> None:
    one(layout, server, "dividends")
    for file in layout.reference("dividends").iterdir():
        file.unlink()
    assert one(layout, server, "dividends").rows == 8


def test_raw_answers_are_kept(layout: Layout, server: Vendor) -> None:
    one(layout, server, "splits")
    pages = sorted(layout.api_landing("splits").glob("*/*.json.gz"))
    found = [
        row for page in pages for row in json.loads(gzip.decompress(page.read_bytes()))["results"]
    ]
    assert found == server.tables["splits"]


def test_landed_means_splits_or_dividends(layout: Layout, server: Vendor) -> None:
    assert not landed(layout)
    one(layout, server, "tickers")
    assert not landed(layout)
    one(layout, server, "dividends")
    assert landed(layout)


def test_no_rows_at_all_make_an_empty_table(layout: Layout, server: Vendor) -> None:
    server.tables = {name: [] for name in server.tables}
    report = synced(layout, server)
    assert {item.rows for item in report.synced} == {0}
    assert frame(layout, "splits").columns == ["ticker", "execution_date", "split_from", "split_to"]


def test_a_table_does_not_become_empty_by_itself(layout: Layout, server: Vendor) -> None:
    one(layout, server, "splits")
    server.tables["splits"] = []
    for _ in range(2):
        [failure] = synced(layout, server, "splits").failed
        assert "quantmini reference sync --full splits" in failure.error
        assert len(rows(layout, "splits")) == 8
    assert one(layout, server, "splits", full=True).rows == 0


def test_another_writer_is_waited_for_by_the_user(layout: Layout, server: Vendor) -> None:
    with writing(layout):
        [failure] = synced(layout, server, "splits").failed
    assert "wait until it and the dbt that it started have ended" in failure.error
    server.asked.clear()
    assert one(layout, server, "splits").rows == 8
    assert server.asked == []


def test_another_sync_is_refused(layout: Layout, server: Vendor) -> None:
    from filelock import FileLock

    layout.api_lock.parent.mkdir(parents=True)
    with FileLock(layout.api_lock), pytest.raises(LakeBusy, match="reference sync"):
        synced(layout, server, "splits")


@pytest.mark.parametrize(("tables", "named"), [(["spilts"], "spilts"), (["ticker_events"], "META")])
def test_names_that_cannot_be_synced(layout: Layout, server: Vendor, tables, named) -> None:
    with pytest.raises(UsageError, match=named):
        synced(layout, server, *tables)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no answers beside this checkout")
def test_real_answers(layout: Layout, server: Vendor) -> None:
    for name in ("splits", "dividends", "tickers", "options_contracts"):
        table = {"options_contracts": "option_contracts"}.get(name, name)
        server.tables[table] = json.loads((SAMPLES / f"{name}.json").read_text())["results"]
    report = synced(layout, server, "splits", "dividends", "tickers", "option_contracts")
    assert report.failed == []
    for item in report.synced:
        assert (item.rows, item.quarantined) == (len(server.tables[item.table]), 0)
    shop = [row for row in rows(layout, "splits") if row["ticker"] == "SHOP"]
    assert [row["execution_date"] for row in shop] == [date(2022, 6, 22), date(2022, 6, 29)]
