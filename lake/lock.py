"""One run writes to a lake at a time; in a shared one, to a data set."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lake.datasets import Dataset
from lake.disk import naming_full_disk
from lake.errors import LakeBusy
from lake.layout import Layout

# How often a lock that is taken is asked for, and seconds between: it may be but looked at.
GLANCES, GLANCE = 3, 0.05

_held: list[int] = []


@contextmanager
def writing(
    layout: Layout, silver: Iterable[Dataset] = (), *, wait: bool = False
) -> Iterator[None]:
    """Hold the lake's writer lock. The operating system drops it when the process dies.

    A shared catalog has a lock for each data set beside it: the folder's keeps this machine's own
    files, the others keep machines apart.

    Args:
        layout: the lake.
        silver: the data sets whose tables are written.
        wait: until whoever holds it ends, however long that takes.

    Raises:
        LakeBusy: another process holds it; the message names its pid.
        SourceUnavailable: a shared catalog cannot be reached.
        DiskFull: there was no space left for what was written meanwhile.
    """
    with naming_full_disk(layout.root), _locked(layout, wait), _shared(layout, silver, wait):
        yield


@contextmanager
def _shared(layout: Layout, silver: Iterable[Dataset], wait: bool) -> Iterator[None]:
    if layout.shared is None or not silver:
        yield
        return
    with layout.shared.writing(silver, wait=wait) as connection:
        _held.append(connection)
        try:
            yield
        finally:
            _held.remove(connection)


@contextmanager
def _locked(layout: Layout, wait: bool) -> Iterator[None]:
    layout.lock.parent.mkdir(parents=True, exist_ok=True)
    owner = layout.lock.with_suffix(".pid")
    handle = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(handle, wait):
            try:
                holder = owner.read_text().strip()
            except FileNotFoundError:
                holder = "unknown"
            raise LakeBusy(
                f"process {holder} is writing to {layout.root}; wait until it and the dbt that it "
                "started have ended, then run again"
            )
        _held.append(handle)
        try:
            owner.write_text(f"{os.getpid()}\n")
            yield
        finally:
            _held.remove(handle)
            owner.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _taken(handle: int, wait: bool) -> bool:
    """Whether the lock is ours now; `was_killed` holds it for a moment, which is no writing."""
    for again in range(GLANCES):
        if again:
            time.sleep(GLANCE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


@contextmanager
def writing_alone(layout: Layout) -> Iterator[None]:
    """Hold the writer lock, unless whoever started this process holds it and handed it down.

    Raises:
        LakeBusy: another process holds it.
    """
    if _inherited(layout):
        yield
        return
    with writing(layout):
        yield


def _inherited(layout: Layout) -> bool:
    """Whether a descriptor of this process is the lock's: see `descriptors`."""
    if not layout.lock.exists():
        return False
    lock = layout.lock.stat()
    for descriptor in Path("/dev/fd").iterdir():
        # The listing itself has one, which is gone by now.
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(descriptor.name)), lock):
                return True
    return False


def descriptors() -> tuple[int, ...]:
    """The locks that this process holds, for `pass_fds` of a process that writes for it.

    A lock is dropped when the last of its holders has ended: a dbt that outlives its killed parent
    keeps it.
    """
    return tuple(_held)


def was_killed(layout: Layout) -> bool:
    """Whether the last writer left its pid and not the lock: it had no time to tidy up."""
    if not layout.lock.with_suffix(".pid").exists() or not layout.lock.exists():
        return False
    handle = os.open(layout.lock, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
