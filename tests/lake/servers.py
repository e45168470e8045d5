"""A PostgreSQL of our own on loopback, and a lake in one of its databases and a bucket."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.ingest.conftest import KEY, SECRET, Server
from tests.processes import free_port

PASSWORD = "a pass/word"
# Nothing of it outlives the tests, so it need not wait for the disk.
OPTIONS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}


def programs() -> Path | None:
    """The folder of Debian's package, which is not on the path, or of any other."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    there = shutil.which("postgres")
    return max(found).parent if found else Path(there).parent if there else None


@contextmanager
def postgres() -> Iterator[int]:
    """A server of a moment; give its port. It refuses to run as root, so nobody runs it then."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL on this machine; `apt-get install postgresql` brings it")
    user = "nobody" if os.geteuid() == 0 else None
    base = Path(tempfile.mkdtemp(prefix="quantmini-postgres-"))
    password = base / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    if user:
        for path in (base, password):
            shutil.chown(path, user)
    port = free_port()
    words = "-U lake -A scram-sha-256 -E UTF8 --locale=C --no-sync --pwfile"
    subprocess.run(
        [folder / "initdb", "-D", base / "data", *words.split(), password],
        check=True,
        capture_output=True,
        cwd=base,
        user=user,
    )
    options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
    with (base / "log").open("wb") as log:
        server = subprocess.Popen(
            [folder / "postgres", "-D", base / "data", "-p", str(port), *options],
            stdout=log,
            stderr=log,
            cwd=base,
            user=user,
        )
    try:
        _wait_for(server, port, base / "log")
        yield port
    finally:
        server.send_signal(signal.SIGINT)  # Cuts off who is still connected.
        server.wait(30)
        shutil.rmtree(base)


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            admin(port).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(encoding='utf-8')}")


def admin(port: int, database: str = "postgres") -> psycopg.Connection:
    """A connection of the server's owner."""
    place = {"host": "127.0.0.1", "port": port, "user": "lake", "password": PASSWORD}
    return psycopg.connect(dbname=database, autocommit=True, **place)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SharedLake:
    """What machines have to be told of a lake that they share: settings, as variables."""

    port: int
    name: str
    environment: dict[str, str]


def shared_lake(port: int, bucket: Server, name: str) -> SharedLake:
    """A new database and a new bucket."""
    with admin(port) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    (bucket.root / name).mkdir()
    settings = {
        "CATALOG": f"postgresql://lake:{PASSWORD.replace(' ', '%20').replace('/', '%2F')}"
        f"@127.0.0.1:{port}/{name}",
        "DATA_PATH": f"s3://{name}/lake",
        "S3_ENDPOINT": bucket.endpoint,
        "S3_ACCESS_KEY_ID": KEY,
        "S3_SECRET_ACCESS_KEY": SECRET,
    }
    variables = {f"QUANTMINI_LAKE__{key}": value for key, value in settings.items()}
    return SharedLake(port, name, variables)
