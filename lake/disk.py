"""A full disk, by whichever library it is met."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lake.errors import DiskFull
from lake.hardware import existing

NUMBERS = (errno.ENOSPC, errno.EDQUOT)
# Operating system, SQLite, and our own short writes.
WORDS = re.compile(r"no space left on device|disk (is )?full|disk quota exceeded", re.IGNORECASE)


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, says that there is no space left."""
    cause = error.__cause__ or error.__context__
    here = isinstance(error, OSError) and error.errno in NUMBERS
    return here or says_full(str(error)) or (cause is not None and is_full(cause))


def says_full(text: str) -> bool:
    """Whether the words of a program say that there is no space left."""
    return WORDS.search(text) is not None


def disk_full(root: Path) -> DiskFull:
    """The error that a person sees, with the disk below `root`."""
    usage = shutil.disk_usage(existing(root))
    return DiskFull(
        f"no space left on the disk of {root} ({usage.free / 1e6:,.1f} of "
        f"{usage.total / 1e6:,.1f} MB free); what is published stays in service. Free some, then "
        "give the same command again: it goes on where this one stopped"
    )


@contextmanager
def naming_full_disk(root: Path) -> Iterator[None]:
    """Turn any error that means a full disk into one by remedy.

    Raises:
        DiskFull: there is no space left.
    """
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise disk_full(root) from error
