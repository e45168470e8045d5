"""One run writes to a lake at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from lake.errors import LakeBusy
from lake.layout import Layout

# Seconds between two looks of a process that waits.
POLL = 0.05


@contextmanager
def writing(layout: Layout, *, wait: bool = False) -> Iterator[None]:
    """Hold the lake's writer lock. The operating system drops it when the process dies.

    Args:
        layout: the lake.
        wait: until whoever holds it ends, however long that takes.

    Raises:
        LakeBusy: another process holds it; the message names its pid.
    """
    layout.lock.parent.mkdir(parents=True, exist_ok=True)
    owner = layout.lock.with_suffix(".pid")
    lock = FileLock(layout.lock)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=POLL)
    except Timeout:
        holder = owner.read_text().strip() if owner.exists() else "unknown"
        raise LakeBusy(
            f"process {holder} is writing to {layout.root}; wait until it ends and run again"
        ) from None
    try:
        owner.write_text(f"{os.getpid()}\n")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()
