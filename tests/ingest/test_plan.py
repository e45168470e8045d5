"""What is missing is read from the listing, from bronze and from the exchange calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ingest.bronze import Provenance
from ingest.plan import gaps, plan
from ingest.source import RemoteFile, key_day
from lake.datasets import DATASETS

# Thursday 2024-03-28, Good Friday, a weekend, Monday, Tuesday.
THURSDAY, MONDAY, TUESDAY = date(2024, 3, 28), date(2024, 4, 1), date(2024, 4, 2)
NOW = datetime(2024, 4, 3, 12, tzinfo=UTC)


def remote(day: date, etag: str | None = "e", size: int = 9, mtime: int = 1) -> RemoteFile:
    return RemoteFile(f"k/{day}", day, size, etag, mtime)


def known(file: RemoteFile, etag: str = "e") -> Provenance:
    return Provenance(file.key, etag, file.size, file.mtime_ns, 1, 1, 0, 0)


def test_new_and_unchanged_the_newest_first() -> None:
    files = [remote(THURSDAY), remote(MONDAY), remote(TUESDAY)]
    result = plan(files, {MONDAY: known(files[1])}, now=NOW)
    assert [file.day for file in result.wanted] == [TUESDAY, THURSDAY]
    assert result.up_to_date == [MONDAY]
    assert result.not_published == []


@pytest.mark.parametrize(
    ("listed", "same"),
    [
        (remote(MONDAY), True),
        (remote(MONDAY, mtime=2), True),
        (remote(MONDAY, etag="f"), False),
        (remote(MONDAY, size=8), False),
        (remote(MONDAY, etag=None), True),
        (remote(MONDAY, etag=None, mtime=2), False),
        (remote(MONDAY, etag=None, size=8), False),
    ],
)
def test_change(listed: RemoteFile, same: bool) -> None:
    result = plan([listed], {MONDAY: known(remote(MONDAY))}, now=NOW)
    assert result.wanted == ([] if same else [listed])


def test_unreadable_or_older_bronze_is_made_anew() -> None:
    file = remote(MONDAY)
    assert plan([file], {MONDAY: None}, now=NOW).wanted == [file]
    assert plan([file], {MONDAY: replace(known(file), schema_version=0)}, now=NOW).wanted == [file]


@pytest.mark.parametrize(
    ("listed", "start", "end", "missing"),
    [
        ([THURSDAY, TUESDAY], None, None, [MONDAY]),
        ([THURSDAY], None, None, []),
        ([THURSDAY], None, TUESDAY, [MONDAY, TUESDAY]),
        ([THURSDAY], None, date(2024, 4, 9), [MONDAY, TUESDAY]),
        ([THURSDAY, TUESDAY], TUESDAY, None, []),
        ([THURSDAY, TUESDAY], date(1990, 1, 1), None, [MONDAY]),
        ([THURSDAY, TUESDAY], MONDAY, MONDAY, [MONDAY]),
        ([TUESDAY], THURSDAY, MONDAY, []),
        ([], THURSDAY, TUESDAY, [THURSDAY, MONDAY, TUESDAY]),
        ([], None, TUESDAY, []),
        ([], None, None, []),
    ],
)
def test_not_published(
    listed: list[date], start: date | None, end: date | None, missing: list[date]
) -> None:
    assert plan([remote(day) for day in listed], {}, start, end, NOW).not_published == missing


@pytest.mark.parametrize(("hour", "missing"), [(13, []), (19, []), (20, [THURSDAY])])
def test_a_session_is_expected_once_it_is_over(hour: int, missing: list[date]) -> None:
    now = datetime(THURSDAY.year, THURSDAY.month, THURSDAY.day, hour, tzinfo=UTC)
    assert plan([], {}, THURSDAY, THURSDAY, now).not_published == missing


def test_a_day_in_bronze_is_not_missing() -> None:
    files = [remote(THURSDAY), remote(TUESDAY)]
    assert plan(files, {MONDAY: known(remote(MONDAY))}, now=NOW).not_published == []


def test_gaps() -> None:
    assert gaps([THURSDAY, TUESDAY]) == [MONDAY]
    assert gaps([]) == []


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("us_stocks_sip/day_aggs_v1/2024/04/2024-04-01.csv.gz", MONDAY),
        ("us_stocks_sip/day_aggs_v1/2024/03/2024-04-01.csv.gz", None),
        ("us_stocks_sip/day_aggs_v1/2024/04/2024-04-31.csv.gz", None),
        ("us_stocks_sip/day_aggs_v1/2024/04/2024-04-01.csv", None),
        ("us_stocks_sip/day_aggs_v1/2024/04/copy/2024-04-01.csv.gz", None),
        ("us_stocks_sip/day_aggs_v2/2024/04/2024-04-01.csv.gz", None),
        ("us_stocks_sip/day_aggs_v1/9999/12/9999-12-31.csv.gz", None),
        ("us_stocks_sip/day_aggs_v1/README", None),
    ],
)
def test_key_day(key: str, day: date | None) -> None:
    assert key_day(DATASETS["stocks_daily"], key) == day


def test_a_key_listed_twice_is_one_file() -> None:
    old, new = remote(MONDAY, etag="old"), remote(MONDAY, etag="new")
    assert plan([old, new], {}).wanted == [new]
