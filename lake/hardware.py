"""What only the platform itself tells: the kind of disk, and Apple's fast cores."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from pathlib import Path
from typing import Literal

DEVICES = Path("/sys/dev/block")

DiskType = Literal["SSD", "HDD", "unknown"]


def disk_type(folder: Path) -> DiskType:
    """What kind of disk holds an existing folder; `unknown` where the platform does not say."""
    if sys.platform.startswith("linux"):
        return _linux_disk(folder.stat().st_dev)
    if sys.platform == "darwin":
        return _mac_disk(folder)
    return "unknown"


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists: where its files would be written."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _linux_disk(device: int) -> DiskType:
    """From the device's queue in /sys; a partition has none, but lies in its disk's folder."""
    entry = (DEVICES / f"{os.major(device)}:{os.minor(device)}").resolve()
    for place in (entry, entry.parent):
        flag = place / "queue/rotational"
        if flag.is_file():
            return "HDD" if flag.read_text().strip() == "1" else "SSD"
    return "unknown"


def _mac_disk(folder: Path) -> DiskType:
    """From diskutil, which wants the volume's mount point."""
    mount = next(place for place in (folder, *folder.parents) if place.is_mount())
    answer = _output("/usr/sbin/diskutil", "info", "-plist", str(mount))
    try:
        solid = plistlib.loads(answer).get("SolidState")
    except (plistlib.InvalidFileException, ValueError):
        solid = None
    return "unknown" if solid is None else "SSD" if solid else "HDD"


def performance_cores() -> int | None:
    """Apple Silicon's performance cores; None on other machines, whose cores are alike to us."""
    if sys.platform != "darwin":
        return None
    answer = _output("/usr/sbin/sysctl", "-n", "hw.perflevel0.physicalcpu").strip()
    return int(answer) if answer.isdigit() else None


def _output(*words: str) -> bytes:
    """What a command prints; nothing where it is missing or fails."""
    try:
        return subprocess.run(words, capture_output=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
