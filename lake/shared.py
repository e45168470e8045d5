"""A catalog that several machines share: PostgreSQL for DuckLake, S3 for silver's files.

Everything that is special to it: what DuckDB needs to reach both, the published snapshots (a table
beside DuckLake's own) and a lock for each data set. docs/scaling.md says what is shared and what
stays on each machine.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from lake.datasets import DATASETS, Dataset
from lake.errors import LakeBusy, SourceUnavailable, UsageError
from lake.sql import quoted

if TYPE_CHECKING:
    import psycopg

EXTENSIONS = ("postgres_scanner", "httpfs")
# What our advisory locks have in common, so that they meet no one else's in the same database.
LOCKS = 0x716D_6C61
# The catalog as a whole, while it is made; data sets follow by their place in DATASETS.
WHOLE = 0
# A server that hears nothing from a machine for this long takes its locks away: seconds until it
# asks, between two questions, and how many of them.
KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
PUBLISHED = """CREATE TABLE IF NOT EXISTS quantmini_published (
    name text PRIMARY KEY, snapshot bigint NOT NULL, run text NOT NULL
)"""


def checked_catalog(url: SecretStr) -> SecretStr:
    """The URL, if it is one of a PostgreSQL database; no message shows it."""
    parts = urlsplit(url.get_secret_value())
    # A `/`, `?` or `#` of the password ends the host: what follows would pass for the database.
    if "@" in parts.path or parts.fragment:
        raise ValueError("percent-encode the user and the password, such as %2F for a slash")
    try:
        _ = parts.port
    except ValueError:
        # Its own message would show what stands there.
        raise ValueError("the port is a number, and `/` in a password is written %2F") from None
    if parts.scheme not in ("postgres", "postgresql") or not parts.hostname:
        raise ValueError("write it as postgresql://user:password@host:5432/database")
    if not parts.path.strip("/") or parts.query:
        raise ValueError("ends with the database's name: postgresql://user:password@host/database")
    return url


def checked_data_path(path: str) -> str:
    """A bucket and a prefix, with the slash that DuckLake wants at its end."""
    if not re.fullmatch(r"s3://[^/]+(/[^/]+)*/?", path):
        raise ValueError("write it as s3://bucket/prefix")
    return path.rstrip("/") + "/"


@dataclass(frozen=True)
class Bucket:
    """Where silver's files are: `path` ends with a slash; without an endpoint Amazon's S3."""

    path: str
    endpoint: str | None
    region: str
    key: SecretStr
    secret: SecretStr


@dataclass(frozen=True)
class Shared:
    """The catalog's database and the bucket of its files."""

    catalog: SecretStr
    bucket: Bucket

    def __str__(self) -> str:
        parts = urlsplit(self.catalog.get_secret_value())
        return f"postgresql://{parts.hostname}:{parts.port or 5432}{parts.path}"

    def secrets(self) -> list[str]:
        """The SQL that gives a DuckDB the keys to both. In ATTACH, errors would show them."""
        parts, bucket = urlsplit(self.catalog.get_secret_value()), self.bucket
        database = {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "database": unquote(parts.path.strip("/")),
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
        }
        files = {
            "key_id": bucket.key.get_secret_value(),
            "secret": bucket.secret.get_secret_value(),
            "region": bucket.region,
            "scope": bucket.path,
        }
        if bucket.endpoint:
            scheme, _, place = bucket.endpoint.partition("://")
            files |= {"endpoint": place, "url_style": "path", "use_ssl": str(scheme == "https")}
        return [
            _secret("quantmini_catalog", "postgres", database),
            _secret("quantmini_data", "s3", files),
        ]

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection]:
        """A connection to the catalog's database; each statement is a transaction.

        Raises:
            UsageError: the extra that brings psycopg is not installed.
            SourceUnavailable: the database does not answer, or refuses.
        """
        try:
            import psycopg
        except ImportError:
            raise UsageError("lake.catalog needs `uv sync --extra shared`") from None
        name = f"quantmini {socket.gethostname()[:32]} process {os.getpid()}"
        try:
            with psycopg.connect(
                self.catalog.get_secret_value(), autocommit=True, application_name=name
            ) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise SourceUnavailable(
                f"the catalog {self} cannot be used ({' '.join(str(error).split())}); see to the "
                "database or to lake.catalog, then run again"
            ) from None

    def published(self) -> dict[str, tuple[int, str]]:
        """The snapshot of each published table and the dbt run that published it."""
        with self.connected() as connection:
            if not _exists(connection, "quantmini_published"):
                return {}
            rows = connection.execute("SELECT name, snapshot, run FROM quantmini_published")
            return {name: (snapshot, run) for name, snapshot, run in rows}

    def exists(self) -> bool:
        """Whether there is a catalog."""
        with self.connected() as connection:
            return _exists(connection, "ducklake_snapshot")

    @contextmanager
    def making(self) -> Iterator[bool]:
        """Held by the one process that makes what is missing; whether there is no catalog yet."""
        with self.connected() as connection:
            connection.execute("SELECT pg_advisory_lock(%s, %s)", [LOCKS, WHOLE])
            connection.execute(PUBLISHED)
            yield not _exists(connection, "ducklake_snapshot")

    @contextmanager
    def writing(self, datasets: Iterable[Dataset], *, wait: bool) -> Iterator[int]:
        """Hold the locks of these data sets; give the descriptor of the connection that does.

        The server drops them when the last process that has the descriptor open ends.

        Raises:
            LakeBusy: another process holds one; the message names it and its machine.
        """
        names = {dataset.name for dataset in datasets}
        with self.connected() as connection:
            for setting, value in KEEPALIVE.items():
                connection.execute(f"SET {setting} = {value}")
            for number, name in enumerate(DATASETS, start=1):
                if name in names:
                    self._lock(connection, number, name, wait=wait)
            yield connection.fileno()

    def _lock(self, connection: psycopg.Connection, number: int, name: str, *, wait: bool) -> None:
        if wait:
            connection.execute("SELECT pg_advisory_lock(%s, %s)", [LOCKS, number])
            return
        rows = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCKS, number])
        if rows.fetchall() == [(True,)]:
            return
        found = connection.execute(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s",
            [LOCKS, number],
        ).fetchone()
        holder = str(found[0]).removeprefix("quantmini ") if found else "another process"
        raise LakeBusy(
            f"{holder} is writing {name} to {self}; wait until it and the dbt that it started "
            "have ended, then run again"
        )


def _secret(name: str, kind: str, values: Mapping[str, object]) -> str:
    settings = ", ".join(f"{key} {quoted(value)}" for key, value in values.items())
    return f"CREATE OR REPLACE SECRET {name} (TYPE {kind}, {settings})"


def _exists(connection: psycopg.Connection, table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", [table]).fetchall() != [(None,)]
