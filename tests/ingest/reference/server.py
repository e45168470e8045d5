"""A REST server on loopback that answers as the vendor does, and fails as a script says."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

KEY = "a-key-that-must-not-leak"
# As in the real answers: the pages after the first are said to be at another host.
ELSEWHERE = "https://api.massive.com"
PATHS = {
    "/v3/reference/tickers": "tickers",
    "/v3/reference/tickers/types": "ticker_types",
    "/v3/reference/splits": "splits",
    "/v3/reference/dividends": "dividends",
    "/v3/reference/options/contracts": "option_contracts",
}
Row = dict[str, Any]


@dataclass
class Fault:
    """What happens to one request instead of its answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    truncated: bool = False


class Vendor(ThreadingHTTPServer):
    """Tables of rows behind the vendor's paths.

    Attributes:
        tables: what there is to know; a test changes it between syncs.
        events: the answer of ticker_events for each ticker.
        page_rows: rows a page holds at most.
        asked: path and query of every request, in order.
        faults: what to do to the next requests whose path or query holds a text.
        today: contracts that expire before it are expired.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tables: dict[str, list[Any]] = {name: [] for name in PATHS.values()}
        self.events: dict[str, Any] = {}
        self.page_rows, self.today = 3, "2024-06-10"
        self.asked: list[str] = []
        self.faults: list[tuple[str, list[Fault]]] = []
        self.lock = threading.Lock()
        self.countdown, self.reached = 0, threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, text: str, *faults: Fault) -> None:
        """Spoil the next requests that hold a text."""
        self.faults.append((text, list(faults)))

    def when_asked(self, times: int) -> threading.Event:
        """An event for the moment when so many further requests have come."""
        with self.lock:
            self.countdown, self.reached = times, threading.Event()
        return self.reached

    def noted(self, target: str) -> Fault | None:
        """Remember a request, and take the fault that waits for it."""
        with self.lock:
            self.asked.append(target)
            self.countdown -= 1
            if self.countdown == 0:
                self.reached.set()
            for text, faults in self.faults:
                if text in target and faults:
                    return faults.pop(0)
        return None

    def page(self, target: str) -> tuple[int, Row]:
        """The honest answer."""
        parts = urlsplit(target)
        asked = dict(parse_qsl(parts.query))
        if "cursor" in asked:
            asked = dict(parse_qsl(base64.urlsafe_b64decode(asked["cursor"]).decode()))
        if parts.path.startswith("/vX/") and parts.path.endswith("/events"):
            return self._events(unquote(parts.path.split("/")[-2]))
        if parts.path not in PATHS:
            return 404, {"status": "NOT_FOUND", "message": "no such path"}
        rows = self._rows(PATHS[parts.path], asked)
        first = int(asked.pop("first", 0))
        size = min(int(asked.get("limit", 10)), self.page_rows)
        answer: Row = {"results": rows[first : first + size], "status": "OK", "request_id": "1"}
        if first + size < len(rows):
            cursor = urlencode(asked | {"first": str(first + size)}).encode()
            query = urlencode({"cursor": base64.urlsafe_b64encode(cursor).decode()})
            answer["next_url"] = f"{ELSEWHERE}{parts.path}?{query}"
        return 200, answer

    def _events(self, ticker: str) -> tuple[int, Row]:
        if ticker not in self.events:
            return 404, {"status": "NOT_FOUND", "message": "Ticker not found."}
        return 200, {"results": self.events[ticker], "status": "OK", "request_id": "1"}

    def _rows(self, table: str, asked: dict[str, str]) -> list[Any]:
        """What the parameters select; a row that is not even a dictionary always."""
        return [row for row in self.tables[table] if self._selects(asked, row)]

    def _selects(self, asked: dict[str, str], row: Any) -> bool:
        if not isinstance(row, dict):
            return True
        if "active" in asked and str(row["active"]).lower() != asked["active"]:
            return False
        if "expired" in asked:
            expired = str(row.get("expiration_date")) < self.today
            if str(expired).lower() != asked["expired"]:
                return False
        since = {name[:-4]: day for name, day in asked.items() if name.endswith(".gte")}
        return all(str(row.get(name)) >= day for name, day in since.items())


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Vendor

    def do_GET(self) -> None:
        fault = self.server.noted(self.path)
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return self._send(Fault(401), {"status": "ERROR", "error": "Unknown API Key"})
        if fault is not None and fault.status != 200:
            return self._send(fault, {"status": "ERROR", "error": "scripted"})
        if fault is not None and fault.body is not None:
            return self._send(fault, {})
        status, answer = self.server.page(self.path)
        return self._send(fault or Fault(status), answer)

    def _send(self, fault: Fault, answer: Row) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode() if fault.body is None else fault.body
        self.send_response(fault.status)
        for name, value in {"Content-Type": "application/json", **fault.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault.truncated else body)
        self.close_connection |= fault.truncated

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def vendor() -> Iterator[Vendor]:
    """A running server."""
    server = Vendor()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
