"""The system profile: what this machine offers, and the limits a run takes from it.

Modes and limits follow the seed (architecture-v3, "Adaptive Resource Configuration"), computed from
the memory that this process may really use: a container's limit counts, not the host's size.
"""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

from lake.files import replacing
from lake.hardware import disk_type, existing, performance_cores

MIB, GIB = 1024**2, 1024**3
CGROUP = Path("/sys/fs/cgroup")

Mode = Literal["streaming", "batch", "parallel"]


@dataclass(frozen=True)
class Limits:
    """What one run may use. Memory in GiB, row groups in rows, slices in bytes of CSV."""

    mode: Mode
    max_memory_gb: float
    max_workers: int
    max_concurrent_downloads: int
    parquet_row_group_size: int
    slice_bytes: int

    @property
    def duckdb_memory(self) -> str:
        """DuckDB's memory_limit: half, since its limit covers the buffer manager only."""
        return f"{max(1, int(self.max_memory_gb * 1024 / 2))}MiB"


def usable_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its cgroup's if that is less."""
    limits = [psutil.virtual_memory().total]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limits += [int(text) for text in _cgroup_values(name) if text.isdigit()]
    return min(limits)


def used_share() -> float:
    """The share of that memory in use, 0 to 1: of the machine, or of its cgroup if that is fuller.

    File pages that the kernel drops when it needs room count as free.
    """
    machine = psutil.virtual_memory()
    shares = [1 - machine.available / machine.total]
    for usage, limit, cache in (
        ("memory.current", "memory.max", "inactive_file"),
        ("memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes", "total_inactive_file"),
    ):
        names = (usage, limit, str(Path(usage).with_name("memory.stat")))
        for used, most, facts in zip(*map(_cgroup_values, names), strict=False):
            if used.isdigit() and most.isdigit() and int(most):
                pages = dict(line.split() for line in facts.splitlines())
                shares.append((int(used) - int(pages.get(cache, 0))) / int(most))
    return max(shares)


def usable_cpus() -> int:
    """Processors this process may use: its affinity, or its cgroup's quota if that is less."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = performance_cores() or os.cpu_count() or 1
    for text in _cgroup_values("cpu.max"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and int(period):
            count = min(count, max(1, int(quota) // int(period)))
    return count


def _cgroup_values(name: str) -> list[str]:
    """The values of one control file, from this process's own cgroup up to the root."""
    own = CGROUP / _own_cgroup()
    inside = [folder for folder in (own, *own.parents) if folder.is_relative_to(CGROUP)]
    return [(f / name).read_text().strip() for f in inside if (f / name).is_file()]


def _own_cgroup() -> str:
    """This process's cgroup below the mount point; empty at its root and outside Linux."""
    path = Path("/proc/self/cgroup")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")


def recommend(memory_gb: float) -> Mode:
    """The seed's mode for this much memory in GiB."""
    if memory_gb < 32:
        return "streaming"
    return "batch" if memory_gb < 64 else "parallel"


def limits_for(mode: Mode, memory_gb: float, cpus: int) -> Limits:
    """The seed's limits for a mode; a fifth of the memory is left to everything else."""
    usable = memory_gb * 0.8
    if mode == "streaming":
        return Limits(mode, min(14.0, usable), min(2, cpus), 2, 50_000, 4 * MIB)
    if mode == "batch":
        return Limits(mode, min(40.0, usable), min(4, cpus), 4, 100_000, 8 * MIB)
    return Limits(mode, usable, min(16, cpus), 8, 200_000, 16 * MIB)


def limits(mode: str = "adaptive") -> Limits:
    """The limits of this machine in a configured mode; `adaptive` takes the recommended one."""
    memory_gb = usable_memory() / GIB
    chosen = recommend(memory_gb) if mode == "adaptive" else mode
    return limits_for(chosen, memory_gb, usable_cpus())  # type: ignore[arg-type]


def detect(mode: str = "adaptive", root: Path = Path("/")) -> dict[str, Any]:
    """The whole profile as a document; `root` is the folder whose disk is measured."""
    memory = psutil.virtual_memory()
    place = existing(root)
    return {
        "hardware": {
            "cpu_cores": psutil.cpu_count(logical=False) or usable_cpus(),
            "cpu_threads": usable_cpus(),
            "memory_gb": round(usable_memory() / GIB, 2),
            "available_memory_gb": round(min(memory.available, usable_memory()) / GIB, 2),
            "platform": platform.system(),
            "performance_cores": performance_cores(),
            "processor": platform.processor() or platform.machine(),
        },
        "storage": {
            "disk_free_gb": round(psutil.disk_usage(str(place)).free / GIB, 2),
            "disk_type": disk_type(place),
        },
        "recommended_mode": recommend(usable_memory() / GIB),
        "resource_limits": asdict(limits(mode)) | {"duckdb_memory": limits(mode).duckdb_memory},
    }


def save(document: dict[str, Any], path: Path) -> None:
    """Write the profile as YAML, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def text(document: dict[str, Any]) -> str:
    """The profile as a person reads it."""
    return yaml.safe_dump(document, sort_keys=False)
