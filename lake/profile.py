"""The system profile: what this machine offers, and the limits a run takes from it.

Modes and limits follow the seed (architecture-v3, "Adaptive Resource Configuration"), computed from
the memory that this process may really use: a container's limit counts, not the host's size. Row
groups are a third larger than its own, by measurement (docs/decisions/003).
"""

from __future__ import annotations

import logging
import platform
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

from lake import engine
from lake.files import replacing
from lake.hardware import disk_type, existing, performance_cores
from lake.layout import Layout
from lake.usable import usable_cpus, usable_memory

log = logging.getLogger(__name__)

MIB, GIB = 1024**2, 1024**3

# A profile that is read back would be wrong in a smaller container, and too small after more
# memory was built in.
REPORT = """\
# What `quantmini profile` found. A report: every run detects anew and reads nothing here. To limit
# runs, set pipeline.mode and the processing.max_… settings in pipeline_config.yaml.
"""

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


def recommend(memory_gb: float) -> Mode:
    """The seed's mode for this much memory in GiB."""
    if memory_gb < 32:
        return "streaming"
    return "batch" if memory_gb < 64 else "parallel"


def limits_for(mode: Mode, memory_gb: float, cpus: int) -> Limits:
    """The seed's limits for a mode; a fifth of the memory is left to everything else."""
    usable = memory_gb * 0.8
    if mode == "streaming":
        return Limits(mode, min(14.0, usable), min(2, cpus), 2, 65_536, 4 * MIB)
    if mode == "batch":
        return Limits(mode, min(40.0, usable), min(4, cpus), 4, 131_072, 8 * MIB)
    return Limits(mode, usable, min(16, cpus), 8, 262_144, 16 * MIB)


def limits(
    mode: str = "adaptive",
    *,
    max_memory_gb: float | None = None,
    max_workers: int | None = None,
    max_concurrent_downloads: int | None = None,
) -> Limits:
    """The limits of a run on this machine, detected now.

    Args:
        mode: `adaptive` takes the mode recommended for the memory.
        max_memory_gb: GiB, instead of the mode's; never more than there is.
        max_workers: instead of the mode's.
        max_concurrent_downloads: instead of the mode's.
    """
    usable = usable_memory() / GIB
    if max_memory_gb is not None and max_memory_gb > usable:
        log.warning("processing.max_memory_gb %g: only %.1f GiB can be used", max_memory_gb, usable)
        max_memory_gb = usable
    chosen = recommend(max_memory_gb or usable) if mode == "adaptive" else mode
    found = limits_for(chosen, usable, usable_cpus())  # type: ignore[arg-type]
    return replace(
        found,
        max_memory_gb=max_memory_gb or found.max_memory_gb,
        max_workers=max_workers or found.max_workers,
        max_concurrent_downloads=max_concurrent_downloads or found.max_concurrent_downloads,
    )


def detect(bounds: Limits, root: Path) -> dict[str, Any]:
    """The whole profile as a document.

    Args:
        bounds: the limits of a run, by the settings.
        root: the lake, whose disk is measured.
    """
    memory, place = psutil.virtual_memory(), existing(root)
    disk = psutil.disk_usage(str(place))
    return {
        "hardware": {
            "cpu_cores": psutil.cpu_count(logical=False) or usable_cpus(),
            "cpu_threads": usable_cpus(),
            "memory_gb": round(usable_memory() / GIB, 2),
            "available_memory_gb": round(min(memory.available, usable_memory()) / GIB, 2),
            "machine_memory_gb": round(memory.total / GIB, 2),
            "platform": platform.system(),
            "processor": platform.processor() or platform.machine(),
            "apple_silicon": sys.platform == "darwin" and platform.machine() == "arm64",
            "performance_cores": performance_cores(),
        },
        "storage": {
            "disk_total_gb": round(disk.total / GIB, 2),
            "disk_free_gb": round(disk.free / GIB, 2),
            "disk_type": disk_type(place),
        },
        "recommended_mode": recommend(usable_memory() / GIB),
        "resource_limits": asdict(bounds),
        "duckdb": engine.config(bounds.duckdb_memory, bounds.max_workers, Layout(root).temp),
    }


def save(document: dict[str, Any], path: Path) -> None:
    """Write the profile as YAML, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(REPORT + text(document), encoding="utf-8")


def text(document: dict[str, Any]) -> str:
    """The profile as a person reads it."""
    return yaml.safe_dump(document, sort_keys=False)
