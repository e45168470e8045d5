"""What the lake weighs, how fast it grows, and how its tables are cut into files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from gold_export.options import STORES
from gold_export.versions import complete, read_state
from lake.datasets import DATASETS
from lake.hardware import existing
from lake.layout import Layout

SMALL_FILE = 1 << 20
# Sessions that the growth is taken from, and days of a year for each of its sessions.
RECENT, DAYS_PER_SESSION = 20, 365.25 / 252


def sizes(layout: Layout) -> dict[str, dict[str, int]]:
    """`files`, `small_files` (below a MiB) and `bytes` of each layer.

    A file is looked at, but for gold: its hundreds of thousands are counted by their exports.
    """
    found = {folder.name: _size(folder) for folder in layout.layers() if folder.name != "gold"}
    return found | {"gold": _gold(layout)}


def _gold(layout: Layout) -> dict[str, int]:
    """Feature files of all complete versions of all stores; all are small."""
    folders = [folder for store in STORES for folder in complete(layout, store)]
    counts = [read_state(folder).get("counts", {}) for folder in folders]
    files, size = (sum(each.get(key, 0) for each in counts) for key in ("files", "bytes"))
    return {"files": files, "small_files": files, "bytes": size}


def _size(folder: Path) -> dict[str, int]:
    """Files and bytes under a folder."""
    files = small = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = Path(place, name).lstat().st_size
            except FileNotFoundError:  # A run replaces files while we look.
                continue
            files, small, size = files + 1, small + (found < SMALL_FILE), size + found
    return {"files": files, "small_files": small, "bytes": size}


def disk(layout: Layout, layers: dict[str, dict[str, int]]) -> dict[str, Any]:
    """The disk below the lake, and how long it will last.

    The growth is what a recent session weighs in bronze, and with it as much more as the other
    layers weigh beside all of bronze. None while bronze is empty.
    """
    usage = shutil.disk_usage(existing(layout.root))
    recent = sum(_per_session(layout, name) for name in DATASETS)
    bronze = layers["bronze"]["bytes"]
    kept = sum(layers[name]["bytes"] for name in ("landing", "bronze", "silver", "gold"))
    growth = recent * kept / bronze if bronze else None
    return {
        "disk_total_bytes": usage.total,
        "disk_free_bytes": usage.free,
        "disk_percent": round(100 * (1 - usage.free / usage.total), 1),
        "bytes_per_session": round(growth) if growth else None,
        "days_until_full": int(usage.free / growth * DAYS_PER_SESSION) if growth else None,
    }


def _per_session(layout: Layout, name: str) -> float:
    """Bytes of a recent session's bronze file, on average; none of a data set without any."""
    paths = list(layout.bronze_files(DATASETS[name]).values())[-RECENT:]
    return sum(path.stat().st_size for path in paths) / len(paths) if paths else 0.0
