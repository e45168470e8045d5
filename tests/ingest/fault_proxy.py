"""An HTTP proxy in front of an S3 server that breaks a share of its answers.

Which request is broken, and how, follows from a seed, the path and how often it was asked for, so
a run of many threads meets the same faults each time.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FAULTS = ("500", "503", "reset", "stall", "truncated", "wrong")
ERROR = b"<Error><Code>%s</Code><Message>injected</Message></Error>"


class Proxy(ThreadingHTTPServer):
    """Passes requests on to `backend`, and injects `kinds` of faults at a rate.

    Attributes:
        seen: how often each object was asked for, listings under their query.
        injected: how often each fault was.
    """

    daemon_threads = True

    def __init__(
        self, backend: str, rate: float, kinds: tuple[str, ...], seed: int, only: str
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.backend = urlsplit(backend).netloc
        self.rate, self.kinds, self.seed, self.only = rate, kinds, seed, only
        self.seen: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.countdown, self.reached = 0, threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def when_asked(self, times: int) -> threading.Event:
        """An event for the moment when so many further requests have come."""
        with self.lock:
            self.countdown, self.reached = times, threading.Event()
        return self.reached

    def fault(self, path: str) -> str | None:
        """What to do to this request, None to leave it alone."""
        with self.lock:
            self.seen[path] += 1
            self.countdown -= 1
            if self.countdown == 0:
                self.reached.set()
            # The bucket's name is the test's own folder, which may differ from run to run.
            key = "listing" if "list-type" in path else path.split("/", 2)[-1]
            dice = random.Random(f"{self.seed} {key} {self.seen[path]}")
            if self.only not in path or dice.random() >= self.rate:
                return None
            kind = dice.choice(self.kinds)
            self.injected[kind] += 1
            return kind

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One request: ask the backend, then answer well or badly."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        fault = self.server.fault(self.path)
        if fault in ("500", "503"):
            code = b"SlowDown" if fault == "503" else b"InternalError"
            self._send(int(fault), {"Content-Type": "application/xml"}, ERROR % code)
        elif fault == "html":
            self._send(200, {"Content-Type": "text/html"}, b"<html><body>sign in</body></html>")
        elif fault == "reset":
            self._reset()
        elif fault == "stall":
            self.server.closing.wait()
        else:
            self._send(*self._spoilt(fault, *self._backend()))

    def _backend(self) -> tuple[int, dict[str, str], bytes]:
        # The signature covers the Host header, so headers go through as they came.
        link = http.client.HTTPConnection(self.server.backend, timeout=30)
        link.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            link.putheader(name, value)
        link.endheaders()
        answer = link.getresponse()
        body = answer.read()
        link.close()
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP}
        return answer.status, kept, body

    def _spoilt(
        self, fault: str | None, status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes, int]:
        sent = len(body)
        if fault == "wrong":
            middle = len(body) // 2
            body = body[:middle] + bytes(byte ^ 0x55 for byte in body[middle:])
        elif fault == "truncated":
            sent = len(body) * 2 // 3
        elif fault == "nameless":
            body = body.replace(b"ETag", b"Tag")
        return status, headers, body, sent

    def _send(
        self, status: int, headers: dict[str, str], body: bytes, sent: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        if sent is not None and sent < len(body):
            self.close_connection = True

    def _reset(self) -> None:
        """Close with RST instead of FIN."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


HOP = {"content-length", "transfer-encoding", "connection", "date", "server"}


@contextmanager
def faulty(
    backend: str,
    rate: float,
    kinds: tuple[str, ...] = FAULTS,
    *,
    seed: int = 1,
    only: str = "",
) -> Iterator[Proxy]:
    """A running proxy; `only` limits faults to paths that hold this text."""
    proxy = Proxy(backend, rate, kinds, seed, only)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        proxy.shutdown()
        proxy.server_close()
        thread.join()
