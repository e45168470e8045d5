"""Dense series → Qlib's files, tens of thousands of them: straight system calls."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt


def write(
    features: Path,
    series: Iterable[tuple[int, npt.NDArray[np.float32]]],
    names: list[str],
    files: list[str],
    *,
    replace: bool = False,
) -> int:
    """Write each row of each block to `features/<instrument>/<file>`.

    Args:
        features: the store's `features` folder.
        series: as `dense` yields them.
        names: Qlib names by number.
        files: F file names, `close.day.bin` and so on.
        replace: whether a file may exist, and is written over; else two series that claim one file
            are an error.

    Returns:
        Instruments written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (0 if replace else os.O_EXCL)
    written = 0
    for number, block in series:
        folder = features / names[number].lower()
        folder.mkdir(exist_ok=True)
        for name, row in zip(files, block, strict=True):
            write_file(f"{folder}/{name}", row.data, flags)
        written += 1
    return written


def extend(
    features: Path,
    series: Iterable[tuple[int, npt.NDArray[np.float32]]],
    names: list[str],
    files: list[str],
    sizes: npt.NDArray[np.int64],
) -> int:
    """Append each row of each block, but for its column 0, to `features/<instrument>/<file>`.

    Args:
        features: the store's `features` folder.
        series: as `dense` yields them for spans that begin one entry after the files' end.
        names: Qlib names by number.
        files: F file names.
        sizes: (N,) bytes by number that the files hold now.

    Returns:
        Instruments appended to.

    Raises:
        OSError: a file is missing or has another size.
    """
    written = 0
    for number, block in series:
        folder, size = features / names[number].lower(), int(sizes[number])
        for name, row in zip(files, block[:, 1:], strict=True):
            write_file(f"{folder}/{name}", row.data, os.O_WRONLY | os.O_APPEND, size)
        written += 1
    return written


def write_file(path: str, content: memoryview, flags: int, size: int = 0) -> None:
    """Write to one file, whose size must be `size` when it is open.

    Straight system calls: there are tens of thousands of files, and a file object costs as much
    again as the file (21 µs against 10 µs).

    Raises:
        FileExistsError: two series claim the same file.
        OSError: the file could not be written whole, or is not as large as it should be.
    """
    descriptor = os.open(path, flags, 0o666)
    try:
        if size and os.lseek(descriptor, 0, os.SEEK_END) != size:
            raise OSError(f"{path}: not {size} bytes long")
        if os.write(descriptor, content) != content.nbytes:
            raise OSError(f"{path}: short write, is the disk full?")
        if not flags & (os.O_EXCL | os.O_APPEND):
            # Cut afterwards, not emptied before: writing the same again, as a process may that was
            # taken for dead, never shows.
            os.ftruncate(descriptor, content.nbytes)
    finally:
        os.close(descriptor)


def sync(folder: Path) -> None:
    """Put all that was written to the folder's file system on the disk, in one system call.

    A version must be whole before its state says so, also after a power cut. An fsync of each file
    takes ten times as long (docs/decisions/002-gold-appends.md).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, f"{folder}: {os.strerror(number)}")
    finally:
        os.close(descriptor)
