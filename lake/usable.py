"""What this process may really use: the machine's memory and processors, or its cgroup's if less.

A container's limit counts, not the host's size, which is all that psutil sees. Version 2 of cgroups
has one hierarchy, version 1 one for each controller; a limit may be set on any level above us.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from lake.hardware import performance_cores

CGROUP = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

# Of version 2 and of version 1: its controller; usage, limits, and pages that can be dropped.
MEMORY = (
    ("", "memory.current", ("memory.max", "memory.high"), "inactive_file"),
    ("memory", "memory.usage_in_bytes", ("memory.limit_in_bytes",), "total_inactive_file"),
)


def usable_memory() -> int:
    """Bytes of memory."""
    found = [psutil.virtual_memory().total]
    for controller, _, limits, _ in MEMORY:
        for name in limits:
            found += [int(text) for text in _values(controller, name) if text.isdigit()]
    return min(found)


def used_share() -> float:
    """The share of that memory in use, 0 to 1: of the machine, or of its cgroup if that is fuller.

    File pages that the kernel drops when it needs room count as free.
    """
    machine = psutil.virtual_memory()
    shares = [1 - machine.available / machine.total]
    for controller, usage, (limit, *_), droppable in MEMORY:
        names = (usage, limit, "memory.stat")
        for used, most, facts in zip(*(_values(controller, name) for name in names), strict=False):
            if used.isdigit() and most.isdigit() and int(most):
                pages = dict(line.split() for line in facts.splitlines())
                shares.append((int(used) - int(pages.get(droppable, 0))) / int(most))
    return max(shares)


def usable_cpus() -> int:
    """Processors: the process's affinity, or its cgroup's quota if that is less, at least one."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = performance_cores() or os.cpu_count() or 1
    quotas = [text.split() for text in _values("", "cpu.max")]
    first, *rest = (_values("cpu", f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    quotas += [list(pair) for pair in zip(first, *rest, strict=False)]
    for quota, period in quotas:
        # `max` and -1 stand for none.
        if quota.isdigit() and int(period):
            count = min(count, max(1, int(quota) // int(period)))
    return count


def _values(controller: str, name: str) -> list[str]:
    """The values of one control file, from this process's own cgroup up to the root."""
    mount = CGROUP / controller
    own = mount / _own(controller)
    inside = [folder for folder in (own, *own.parents) if folder.is_relative_to(mount)]
    return [(f / name).read_text().strip() for f in inside if (f / name).is_file()]


def _own(controller: str) -> str:
    """This process's cgroup below the mount point; empty at its root and outside Linux."""
    for line in OWN.read_text().splitlines() if OWN.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    return ""
