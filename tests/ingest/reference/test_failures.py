"""A server that fails: the sync ends complete, or says what is wrong and leaves the table alone."""

from __future__ import annotations

import gzip
import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingest.reference.answers import asked_wait, following
from ingest.reference.api import RETRIES, Api
from ingest.reference.sync import sync
from lake.errors import UsageError
from lake.layout import Layout
from tests.ingest.reference.conftest import TODAY, client, one, rows, split, synced
from tests.ingest.reference.server import ELSEWHERE, KEY, Fault, Vendor

SPLITS = "/v3/reference/splits"
FAULTS = {
    "429": Fault(429),
    "500": Fault(500),
    "503": Fault(503),
    "malformed": Fault(body=b'{"results": [{"ticker": "A"'),
    "no object": Fault(body=b"[]"),
    "no results": Fault(body=b'{"status": "ERROR"}'),
    "no list": Fault(body=b'{"results": "none"}'),
    "an object": Fault(body=b'{"status": "OK", "results": {"a": 1}}'),
    "deep": Fault(body=b'{"results": ' + b"[" * 200_000),
    "half a pair": Fault(body=b'{"results": [{"ticker": "\\ud800"}]}'),
    "no text": Fault(body=b'{"results": [{"ticker": "\xff"}]}'),
    "wrong gzip": Fault(headers={"Content-Encoding": "gzip"}, body=b"plain"),
    "truncated": Fault(truncated=True),
    "nothing": Fault(body=b""),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_fault_once(layout: Layout, server: Vendor, fault: Fault) -> None:
    server.fail(SPLITS, fault)
    server.fail("cursor", fault)
    assert one(layout, server, "splits").rows == 8
    assert len(server.asked) == 3 + 2


def test_an_answer_without_end_is_given_up(
    layout: Layout, server: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.reference.answers.LARGEST", 1 << 20)
    blank = b" " * (1 << 21) + b'{"results": [], "status": "OK"}'
    packed = {"Content-Encoding": "gzip"}
    server.fail(SPLITS, Fault(body=blank), Fault(headers=packed, body=gzip.compress(blank)))
    assert one(layout, server, "splits").rows == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("429", "source.api_calls_per_minute"),
        ("500", "answered 500; run again later"),
        ("malformed", "malformed JSON; run again"),
        ("truncated", "run again later, it continues here"),
    ],
)
def test_a_fault_that_stays(layout: Layout, server: Vendor, name: str, words: str) -> None:
    one(layout, server, "splits")
    before = rows(layout, "splits")
    server.tables["splits"] = [split("NEW")]
    server.fail(SPLITS, *[FAULTS[name]] * (RETRIES + 1))
    report = synced(layout, server, "splits", "ticker_types")
    [failure] = report.failed
    assert failure.table == "splits"
    assert words in failure.error
    assert [item.table for item in report.synced] == ["ticker_types"]
    assert rows(layout, "splits") == before
    assert one(layout, server, "splits").rows == 1


def test_a_server_that_is_not_there(layout: Layout) -> None:
    waits: list[float] = []
    api = Api("http://127.0.0.1:9", KEY, sleep=waits.append)
    [failure] = sync(layout, api, ["splits"]).failed
    assert "http://127.0.0.1:9; run again later" in failure.error
    assert waits == [1, 2, 4, 8, 16, 32]


def test_a_server_that_says_nothing(layout: Layout, server: Vendor) -> None:
    server.fail(SPLITS, Fault(headers={"Content-Length": "0"}, body=b"ignored", truncated=True))
    outcome = sync(layout, client(server, timeout=0.2), ["splits"], today=TODAY)
    assert outcome.synced[0].rows == 8


@pytest.mark.parametrize(("header", "least", "most"), [("7", 7, 7), ("date", 20, 31)])
def test_retry_after_is_waited_for(
    layout: Layout, server: Vendor, caplog: pytest.LogCaptureFixture, header, least, most
) -> None:
    if header == "date":
        header = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.fail(SPLITS, Fault(429, {"Retry-After": header}))
    waits: list[float] = []
    with caplog.at_level(logging.INFO):
        sync(layout, client(server, waits), ["splits"])
    assert len(waits) == 1
    assert least <= waits[0] <= most
    assert "answers 429" in caplog.text
    assert "waiting" in caplog.text


def test_a_wait_without_end_is_not_begun(layout: Layout, server: Vendor) -> None:
    server.fail(SPLITS, Fault(429, {"Retry-After": "86400"}))
    waits: list[float] = []
    [failure] = sync(layout, client(server, waits), ["splits"]).failed
    assert "86,400 s" in failure.error
    assert waits == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("12", 12),
        ("soon", None),
        ("-1", None),
        ("Mon, 10 Jun 2024 00:00:30 GMT", 30),
        ("Sun, 09 Jun 2024 00:00:00 GMT", 0),
    ],
)
def test_what_retry_after_means(header, seconds) -> None:
    assert asked_wait(header, datetime(2024, 6, 10, tzinfo=UTC)) == seconds


def test_calls_are_spaced(layout: Layout, server: Vendor) -> None:
    waits: list[float] = []
    sync(layout, client(server, waits, calls_per_minute=5), ["splits"])
    assert len(waits) == 2
    assert waits[0] == pytest.approx(12, abs=1)
    # The first wait was not slept through, so the second call's turn comes after both.
    assert waits[1] == pytest.approx(24, abs=1)


def test_a_key_that_is_unknown(layout: Layout, server: Vendor) -> None:
    with pytest.raises(UsageError, match="POLYGON_API_KEY"):
        sync(layout, Api(server.base, "another key"), ["splits"])
    assert len(server.asked) == 1


def test_a_plan_that_does_not_cover_a_table(layout: Layout, server: Vendor) -> None:
    server.fail("/v3/reference/options", Fault(403))
    report = synced(layout, server)
    [failure] = report.failed
    assert failure.table == "option_contracts"
    assert "POLYGON_API_KEY" in failure.error
    assert len(report.synced) == 4


@pytest.mark.parametrize("status", [301, 400, 404])
def test_an_answer_that_trying_again_does_not_change(
    layout: Layout, server: Vendor, status: int
) -> None:
    server.fail(SPLITS, Fault(status, {"Location": f"{ELSEWHERE}{SPLITS}"}))
    [failure] = synced(layout, server, "splits").failed
    assert f"answered {status}; check source.api_base" in failure.error
    assert len(server.asked) == 1


def test_a_later_page_that_is_refused_begins_anew(layout: Layout, server: Vendor) -> None:
    server.fail("cursor", Fault(400))
    [failure] = synced(layout, server, "splits").failed
    assert "it begins anew" in failure.error
    server.asked.clear()
    assert one(layout, server, "splits").rows == 8
    assert len(server.asked) == 3


def test_pages_in_a_circle(layout: Layout, server: Vendor) -> None:
    address = f"{ELSEWHERE}{SPLITS}?cursor=same"
    body = json.dumps({"results": [split("A")], "next_url": address}).encode()
    server.fail(SPLITS, *[Fault(body=body)] * 5)
    [failure] = synced(layout, server, "splits").failed
    assert "circle" in failure.error


def test_an_empty_page_in_the_middle(layout: Layout, server: Vendor) -> None:
    address = f"{ELSEWHERE}{SPLITS}?limit=1000"
    body = json.dumps({"results": [], "status": "OK", "next_url": address}).encode()
    server.fail(SPLITS, Fault(body=body))
    outcome = one(layout, server, "splits")
    assert (outcome.rows, outcome.pages) == (8, 4)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (None, None),
        ("", None),
        ("https://api.massive.com/v3/x?cursor=a%3D%3D", "/v3/x?cursor=a%3D%3D"),
        ("/v3/x?cursor=1", "/v3/x?cursor=1"),
        ("http://evil@host:1/v3/x#part", "/v3/x"),
    ],
)
def test_only_path_and_query_are_followed(address, target) -> None:
    assert following({"next_url": address}) == target


@pytest.mark.parametrize("address", ["@evil.com/x", ".evil.com", "https://evil.com", "?cursor=1"])
def test_what_could_become_a_host_is_no_address(address) -> None:
    with pytest.raises(ValueError, match="next_url"):
        following({"next_url": address})


@pytest.mark.parametrize("base", ["api.polygon.io", "ftp://host", "https://", ""])
def test_a_base_that_is_no_url(base: str) -> None:
    with pytest.raises(UsageError, match="api_base"):
        Api(base, KEY)


def test_a_landed_page_that_rots_is_fetched_anew(layout: Layout, server: Vendor) -> None:
    server.fail("cursor", Fault(), *[Fault(500)] * (RETRIES + 1))
    assert synced(layout, server, "splits").failed
    pages = sorted(layout.api_landing("splits").glob("*/*.json.gz"))
    assert len(pages) == 2
    pages[0].write_bytes(b"rotten")
    [failure] = synced(layout, server, "splits").failed
    assert "all pages are fetched anew" in failure.error
    assert one(layout, server, "splits").rows == 8
