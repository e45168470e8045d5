"""Loaded by Dask's workers (`--preload`): they stop for good inside one file of each kind.

The first that comes there leaves its process id in the folder `STUCK`, to be killed by it. Dask
loads this more than once into a process, so what is replaced is kept as a default.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from gold_export import store_files
from ingest.bronze import Provenance
from ingest.draft import Writer

PLACE = Path(os.environ["STUCK"])


def stop_once(kind: str) -> None:
    try:
        handle = os.open(PLACE / kind, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return
    os.write(handle, str(os.getpid()).encode())
    time.sleep(600)


def finish_or_stop(writer: Writer, known: Provenance, finish=Writer.finish) -> None:
    """A bronze file with its rows and without its footer."""
    stop_once("bronze")
    finish(writer, known)


def write_or_stop(
    path: str, content: memoryview, flags: int, size: int = 0, write=store_files.write_file
) -> None:
    """A series of which a half is there."""
    if not (PLACE / "gold").exists():
        write(path, content[: len(content) // 2], flags, size)
        stop_once("gold")
    write(path, content, flags, size)


Writer.finish = finish_or_stop  # type: ignore[assignment, method-assign]
store_files.write_file = write_or_stop
