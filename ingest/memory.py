"""The memory guard: before each file it looks whether there is room.

Compared are this process's resident set with the run's limit, and what the machine or its cgroup
has in use with what it has. The fuller of the two counts.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Condition

import psutil

from lake.errors import OutOfMemory
from lake.profile import GIB
from lake.usable import usable_memory, used_share

log = logging.getLogger(__name__)

# Seconds between two looks while paused.
LOOK = 0.5
# Seconds that the machine's figure counts as the present one: reading it takes a millisecond.
FRESH = 0.25


@dataclass(frozen=True)
class MemoryLimits:
    """When the guard acts; shares of the limit or of the machine's memory, 0 to 1.

    Attributes:
        max_gb: what this process may hold, GiB.
        warning: from here on garbage is collected and fewer files are converted at once.
        critical: from here on no file is begun until others end, or the pause is over.
        pause: seconds that such a pause lasts at most.
    """

    max_gb: float = field(default_factory=lambda: usable_memory() / GIB)
    warning: float = 0.75
    critical: float = 0.85
    pause: float = 60.0


@dataclass(frozen=True)
class Usage:
    """Memory in use, each as a share: of the run's limit, and of what the machine has."""

    process: float
    system: float


def measure(limits: MemoryLimits) -> Usage:
    """What is in use now."""
    resident = _process(os.getpid()).memory_info().rss
    return Usage(resident / (limits.max_gb * GIB), _machine(int(time.monotonic() / FRESH)))


@lru_cache(maxsize=1)
def _process(pid: int) -> psutil.Process:
    return psutil.Process(pid)


@lru_cache(maxsize=1)
def _machine(_: int) -> float:
    return used_share()


class Guard:
    """Lets files be converted while there is room. One guard serves the threads of a run."""

    def __init__(
        self,
        limits: MemoryLimits,
        workers: int,
        measured: Callable[[MemoryLimits], Usage] = measure,
    ) -> None:
        """Let at most so many workers convert at a time, and fewer when memory gets scarce."""
        self.limits, self.workers = limits, workers
        self._measured = measured
        self._busy = 0
        self._changed = Condition()

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold a place for converting one file.

        Raises:
            OutOfMemory: memory is used up, or stayed critical for the whole pause.
        """
        with self._changed:
            waiting = True
            while waiting:
                self._changed.wait_for(lambda: self._busy < self.workers)
                self._check()
                # Whoever waited for memory has let others in.
                waiting = self._busy >= self.workers
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _check(self) -> None:
        """Return when there is room. Called with the condition held."""
        share = self._share()
        if share < self.limits.warning:
            return
        gc.collect()
        self._shrink()
        deadline = time.monotonic() + self.limits.pause
        while (share := self._share()) >= self.limits.critical:
            left = deadline - time.monotonic()
            # Past the limit only files under way can make room.
            if left <= 0 or (share >= 1 and not self._busy):
                raise OutOfMemory(self._verdict())
            log.warning("memory is at %.0f %%; waiting for room", share * 100)
            self._changed.wait(min(left, LOOK))

    def _shrink(self) -> None:
        if self.workers > 1:
            self.workers -= 1
            log.warning("memory gets scarce; %d files are converted at once", self.workers)

    def _share(self) -> float:
        usage = self._measured(self.limits)
        return max(usage.process, usage.system)

    def _verdict(self) -> str:
        usage = self._measured(self.limits)
        return (
            f"out of memory: this process holds {usage.process:.0%} of {self.limits.max_gb:.2f} "
            f"GiB, and {usage.system:.0%} of the machine's memory is in use; raise "
            "processing.max_memory_gb, set pipeline.mode to streaming, or free memory"
        )
