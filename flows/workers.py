"""What the workers of a cluster are asked to do: the same as a run does by itself.

Each reads the settings of its own machine, keys and limits of memory included. Arguments are plain,
and what decides the bytes that are written comes with them. Whatever is done twice, because a
worker died or seemed to, gives the same files.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock, Semaphore

from flows.ingesting import memory_limits, open_source
from gold_export.apart import write_apart
from gold_export.ranges import Range
from ingest.convert import ConvertOptions
from ingest.day import Run
from ingest.memory import Guard
from ingest.report import Outcome
from ingest.source import RemoteFile
from lake.catalog import Published
from lake.datasets import DATASETS
from lake.errors import UsageError
from lake.layout import Layout
from lake.settings import load

# A worker's threads share what a run may use: one source, one guard, one DuckDB at a time.
_opening, _exporting = Lock(), Lock()


def load_days(
    run: str,
    root: Path,
    source: str,
    options: ConvertOptions,
    keep_landing: bool,
    dataset: str,
    files: list[RemoteFile],
) -> list[Outcome]:
    """Ingest some days of a data set.

    Args:
        run: an id; the days of one run share what `ingest.day.Run` holds.
        root: the lake, at the same path on each machine.
        source: `s3`, or a folder at the same path on each machine.
        options: of each conversion.
        keep_landing: as `ingest` has it.
        dataset: its name.
        files: what to ingest.
    """
    with _opening:
        opened = _opened(run, root, source, options, keep_landing)
    return opened.days(DATASETS[dataset], files)


@lru_cache(maxsize=1)
def _opened(_run: str, root: Path, source: str, options: ConvertOptions, keep_landing: bool) -> Run:
    settings = load()
    bounds = settings.limits()
    return Run(
        Layout(root),
        open_source(settings, source, bounds),
        options,
        keep_landing,
        Guard(memory_limits(settings, bounds), bounds.max_workers),
        Semaphore(bounds.max_concurrent_downloads),
    )


def write_range(
    exporter: str,
    root: Path,
    served: Mapping[str, Published],
    part: Range,
    folder: Path,
    adjustment: str,
) -> int:
    """Write the series of a range of instruments; how many.

    Args:
        exporter: the name of the machine that exports.
        root: the lake, at the same path on each machine.
        served: as of `gold_export.apart`, like the rest.
        part: the range.
        folder: the version.
        adjustment: of the prices.

    Raises:
        UsageError: the catalog is a file of another machine.
    """
    settings = load()
    layout = replace(settings.lake.layout(), root=root)
    if layout.shared is None and socket.gethostname() != exporter:
        raise UsageError(
            f"{layout.catalog} is SQLite, which {socket.gethostname()} must not read over a "
            f"network: export on {exporter} alone, or share the catalog (lake.catalog on each "
            "machine, docs/scaling.md)"
        )
    bounds = settings.limits()
    memory, threads = bounds.duckdb_memory, bounds.max_workers
    with _exporting:
        return write_apart(layout, served, part, folder, adjustment, memory, threads)
