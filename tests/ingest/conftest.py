"""Flat files made by hand, a folder that stands for the bucket, and a real S3 server."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from ingest.source import DirectorySource
from lake.datasets import DATASETS, Dataset
from lake.layout import Layout
from tests.processes import free_port

HEADER = "ticker,volume,open,close,high,low,window_start,transactions"
DAY = date(2024, 6, 10)
# Midnight in New York on DAY, ns since the epoch.
MIDNIGHT = 1_717_992_000 * 10**9
MINUTE = 60 * 10**9
KEY, SECRET = "some-key", "some-longer-secret"


def bar(
    ticker: str = "AAPL",
    minute: int = 600,
    *,
    volume: str = "100",
    open_: str = "10",
    close: str = "10.5",
    high: str = "11",
    low: str = "9.99",
    stamp: str | None = None,
    transactions: str = "7",
) -> str:
    """A line of a flat file, valid unless told otherwise."""
    stamp = str(MIDNIGHT + minute * MINUTE) if stamp is None else stamp
    return ",".join([ticker, volume, open_, close, high, low, stamp, transactions])


def packed(*lines: str, header: str = HEADER, ending: str = "\n") -> bytes:
    """A csv.gz of a header and lines."""
    return gzip.compress("".join(line + ending for line in (header, *lines)).encode(), mtime=0)


@dataclass(frozen=True)
class Bucket:
    """A folder with the bucket's layout, and a lake beside it."""

    path: Path
    layout: Layout

    def put(self, content: bytes, day: date = DAY, name: str = "stocks_minute") -> Path:
        """Publish a day's file."""
        path = self.path / DATASETS[name].object_key(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    @property
    def source(self) -> DirectorySource:
        """The folder as a source."""
        return DirectorySource(self.path)


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """An empty bucket and an empty lake."""
    (tmp_path / "bucket").mkdir()
    return Bucket(tmp_path / "bucket", Layout(tmp_path / "lake"))


@pytest.fixture
def minutes() -> Dataset:
    """The data set most tests use."""
    return DATASETS["stocks_minute"]


@dataclass(frozen=True)
class Server:
    """An S3 server on loopback; each folder in `root` is a bucket."""

    endpoint: str
    root: Path


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`rclone serve s3`: signature v4, ETags that are the MD5 of the content."""
    root = tmp_path_factory.mktemp("s3")
    port = free_port()
    words = f"serve s3 --auth-key {KEY},{SECRET} --addr 127.0.0.1:{port} --dir-cache-time 1ms"
    rclone = Path(sys.executable).with_name("rclone")
    with (root / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(rclone), *words.split(), "--vfs-cache-mode", "off", str(root)],
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, server)
        yield Server(f"http://127.0.0.1:{port}", root)
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("rclone serve s3 did not start")


@pytest.fixture
def remote_bucket(s3_server: Server, tmp_path: Path) -> Bucket:
    """A bucket of its own on the server, named after the test's folder."""
    path = s3_server.root / tmp_path.name.replace("_", "-").lower()
    path.mkdir()
    return Bucket(path, Layout(tmp_path / "lake"))
