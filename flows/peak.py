"""The most memory that a piece of work took, the processes it started included."""

from __future__ import annotations

import resource
import sys
from threading import Event, Thread
from types import TracebackType

import psutil

# Linux counts ru_maxrss in KiB, macOS in bytes.
UNIT = 1 if sys.platform == "darwin" else 1024


class Peak:
    """Looks at the resident set at intervals while the block runs.

    What the system itself kept as the process's highest counts too where it rose in the block, so
    that a peak between two looks is missed only below an earlier one.
    """

    def __init__(self, interval: float = 1.0) -> None:
        """Look every so many seconds."""
        self.bytes = 0
        self._interval = interval
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="peak", daemon=True)

    def __enter__(self) -> Peak:
        self._before = _highest()
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        rose = [now for now, then in zip(_highest(), self._before, strict=True) if now > then]
        self.bytes = max([self.bytes, *rose])

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            self._look()

    def _look(self) -> None:
        total, own = 0, psutil.Process()
        for process in (own, *own.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.Error:  # It has ended meanwhile.
                continue
        self.bytes = max(self.bytes, total)


def _highest() -> tuple[int, int]:
    """The highest resident set of this process so far, and of the largest child that has ended."""
    usage = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, child = (resource.getrusage(who).ru_maxrss * UNIT for who in usage)
    return own, child
