"""Where flat files come from: the vendor's bucket, or a folder with the bucket's layout."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from lake.datasets import Dataset
from lake.errors import NotPublished, SourceUnavailable, UsageError

KEY = re.compile(r"(?P<prefix>.+)/\d{4}/\d{2}/(?P<day>\d{4}-\d{2}-\d{2})\.csv\.gz")
BLOCK = 1 << 20
# No trading day of the vendor's lies outside, and a nanosecond since 1970 fits 64 bits until 2262.
YEARS = range(1970, 2200)


@dataclass(frozen=True)
class RemoteFile:
    """One flat file at its source.

    Attributes:
        key: the object key.
        day: the trading date, from the key.
        size: bytes.
        etag: the source's version of the content; None where only reading it would tell.
        mtime_ns: last modified, ns since the epoch.
    """

    key: str
    day: date
    size: int
    etag: str | None
    mtime_ns: int


class Source(Protocol):
    """What the loader needs to know of a source."""

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        """Every flat file of a data set, by day; other keys are ignored.

        Raises:
            NotEntitled: listing is not allowed.
            SourceUnavailable: no proper answer.
            UsageError: the address or the credentials are wrong.
        """
        ...

    def fetch(self, remote: RemoteFile, destination: Path) -> str:
        """Bring one file to `destination`, whole or not at all.

        Returns:
            The version of the content that arrived: its ETag, or MD5 where there is none.

        Raises:
            NotPublished: it is not there.
            NotEntitled: it may not be read.
            SourceUnavailable: no proper answer.
            CorruptFile: what arrived is not what was listed.
        """
        ...


def key_day(dataset: Dataset, key: str) -> date | None:
    """The trading date of an object key, None where it is not one of this data set's files."""
    match = KEY.fullmatch(key)
    if match is None or match["prefix"] != dataset.prefix:
        return None
    try:
        day = date.fromisoformat(match["day"])
    except ValueError:
        return None
    return day if key == dataset.object_key(day) and day.year in YEARS else None


class DirectorySource:
    """A folder with the bucket's layout. A file's version is the MD5 of its content."""

    def __init__(self, path: Path) -> None:
        """Take the folder that stands for the bucket.

        Raises:
            UsageError: it is not a folder.
        """
        if not path.is_dir():
            raise UsageError(f"{path} is not a folder; name one that holds us_stocks_sip/…")
        self.path = path

    def __repr__(self) -> str:
        return f"DirectorySource({self.path})"

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        """See `Source.list`. No content is read."""
        files = []
        for path in (self.path / dataset.prefix).glob("*/*/*.csv.gz"):
            key = path.relative_to(self.path).as_posix()
            day = key_day(dataset, key)
            if day is not None and path.is_file():
                facts = path.stat()
                files.append(RemoteFile(key, day, facts.st_size, None, facts.st_mtime_ns))
        return sorted(files, key=lambda file: file.day)

    def fetch(self, remote: RemoteFile, destination: Path) -> str:
        """See `Source.fetch`. The file is hashed while it is copied.

        The copy is renamed, not synced: the original stays, and is copied again for every day
        that bronze lacks.
        """
        digest = hashlib.md5(usedforsecurity=False)
        destination.parent.mkdir(parents=True, exist_ok=True)
        # Named as lake.files.replacing does, so that what a killed run leaves is swept.
        copy = destination.with_name(f".{destination.name}.{uuid.uuid4().hex}.tmp")
        try:
            with (self.path / remote.key).open("rb") as original:
                with copy.open("wb") as target:
                    while block := original.read(BLOCK):
                        digest.update(block)
                        target.write(block)
                facts = os.fstat(original.fileno())
            if (facts.st_size, facts.st_mtime_ns) != (remote.size, remote.mtime_ns):
                raise SourceUnavailable(f"{remote.key} changed while it was read; run again")
            copy.replace(destination)
        except FileNotFoundError:
            raise NotPublished(f"{remote.key} is not in {self.path}") from None
        finally:
            copy.unlink(missing_ok=True)
        return digest.hexdigest()
