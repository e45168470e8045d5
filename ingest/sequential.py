"""Telling the system that a file is read once, from front to back."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from typing import IO

# From <sys/fcntl.h> of macOS; Python's fcntl names them only there.
F_RDADVISE, F_NOCACHE = 44, 48
# What F_RDADVISE takes: struct radvisory, an offset and a count of bytes.
RADVISORY = "=qi"
LARGEST = 2**31 - 1


def read_once(file: IO[bytes]) -> None:
    """Hint that an open file is read in order and not again soon; where nothing knows, nothing.

    Linux reads further ahead; macOS starts to read at once and keeps the pages out of its cache.
    """
    if sys.platform.startswith("linux"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    elif sys.platform == "darwin":
        size = min(os.fstat(file.fileno()).st_size, LARGEST)
        fcntl.fcntl(file.fileno(), F_RDADVISE, struct.pack(RADVISORY, 0, size))
        fcntl.fcntl(file.fileno(), F_NOCACHE, 1)
