"""Judging what the vendor answers: errors by remedy, pages by their shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse

from lake.errors import NotEntitled, QuantminiError, SourceUnavailable, UsageError

# Bytes of an answer at most; a page of a thousand rows has less than one million.
LARGEST = 64 << 20
# Bytes of it that are unpacked at once, a thousand times as many at most.
PART = 16 << 10
RETRIED = {408, 425, 429, 499, 500, 502, 503, 504}


class Refused(SourceUnavailable):
    """The server understood the request and will not answer it; asking again is of no use."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def by_remedy(status: int, what: str, base: str) -> QuantminiError:
    """Our error for a status other than 200. The text is ours: theirs may quote the request."""
    if status == 401:
        return UsageError(f"{base} does not know the key: check POLYGON_API_KEY")
    if status == 403:
        return NotEntitled(
            f"{what}: the plan of this POLYGON_API_KEY does not cover it; leave the table out, "
            "or use a key whose plan has it"
        )
    if status == 429:
        return SourceUnavailable(
            f"{what}: {base} still answers 429, too many calls; set source.api_calls_per_minute "
            "to what the plan allows (5 on the free one) and run again, it continues here"
        )
    if status in RETRIED or status >= 500:
        return SourceUnavailable(
            f"{what}: {base} answered {status}; run again later, it continues here"
        )
    return Refused(f"{what}: {base} answered {status}; check source.api_base", status)


def whole(answer: BaseHTTPResponse) -> bytes:
    """The body, unpacked; of one without end only what is already too much, which is no JSON."""
    body = bytearray()
    for part in answer.stream(PART):
        body += part
        if len(body) > LARGEST:
            answer.close()
            break
    answer.release_conn()
    return bytes(body)


def page(body: bytes) -> dict[str, Any]:
    """The document of a page.

    Raises:
        ValueError: it is none, or not one that the parser of `build` would read.
    """
    document = json.loads(body.decode("utf-8"))
    if not isinstance(document, dict):
        raise ValueError("the page is not a JSON object")
    results = document.get("results")
    # Only the events of a company are no list.
    company = isinstance(results, dict) and bool(results.keys() & {"name", "events"})
    if not (company or isinstance(results, list | None)):
        raise ValueError("the results of the page are not a list")
    if "results" not in document and document.get("status") != "OK":
        raise ValueError("the page has no results")
    # Half of a surrogate pair is JSON to Python, but not to DuckDB.
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document


def following(document: dict[str, Any]) -> str | None:
    """Path and query of the page after this one, None where it is the last.

    The host is left out: the key goes to the configured server only, whatever an answer names.

    Raises:
        ValueError: the address has no path.
    """
    address = document.get("next_url")
    if not address:
        return None
    parts = urlsplit(str(address))
    # Put behind the base, anything else could become a part of its host name.
    if not parts.path.startswith("/"):
        raise ValueError("next_url is not an address")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def asked_wait(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or the time of an HTTP date."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
