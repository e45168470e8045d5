"""What a case costs by the clock, of the processor and of memory, in a process of its own."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Case = Callable[[Path], object]


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds by the clock and of the processor, largest resident set in bytes."""

    seconds: float
    processor: float
    peak_rss: int


def cost(case: Case, out: Path) -> Cost:
    """Run a case in a forked process, which begins with everything imported and nothing computed.

    Args:
        case: takes a new folder for what it writes.
        out: that folder.

    Raises:
        SystemExit: the case failed; its traceback is on stderr.
    """
    out.mkdir(parents=True)
    sys.stdout.flush()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            case(out)
            status = 0
        except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"a case failed: {getattr(case, '__name__', case)}")
    return Cost(seconds, used.ru_utime + used.ru_stime, resident(used))


def resident(used: resource.struct_rusage) -> int:
    """The largest resident set in bytes; Linux counts it in KiB, macOS in bytes."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def rounds(cases: Mapping[str, Case], count: int, root: Path) -> dict[str, list[Cost]]:
    """All cases one after the other, `count` times, so that a ratio compares neighbours in time.

    A first round is thrown away where there are several: it pays for cold files.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in cases}
    warm = int(count > 1)
    for number in range(count + warm):
        for place, (name, case) in enumerate(cases.items()):
            spent = cost(case, root / f"{number}-{place}")
            if number >= warm:
                costs[name].append(spent)
    return costs


def ratio(theirs: list[float], ours: list[float]) -> str:
    """Theirs by ours, round by round: the median, then the smallest and largest."""
    found = sorted(their / our for their, our in zip(theirs, ours, strict=True))
    middle = statistics.median(found)
    return f"{middle:.2f}" + (f" ({found[0]:.2f}-{found[-1]:.2f})" if len(found) > 1 else "")
