"""How hard the machine is used, and how files are checked and kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lake.settings.base import Section


class Pipeline(Section):
    """How hard the machine is used, and which others help."""

    mode: Literal["adaptive", "streaming", "batch", "parallel"] = "adaptive"
    """`streaming`, `batch` or `parallel` sets the limits of a run; `adaptive` takes the first below
    32 GiB of usable memory, the second below 64, else the third."""
    stage_timeout_hours: float = Field(default=12, gt=0)
    """A stage of a Prefect flow that takes longer is stopped. What it has done stays, and the next
    run goes on from there."""
    dask_address: str | None = Field(default=None, pattern=r"^(tcp|tls)://\S+:\d+$")
    """The scheduler of a Dask cluster, `tcp://host:8786`, whose workers load the days and write the
    Qlib series of runs under Prefect; by default the run does so itself. docs/scaling.md says what
    the workers need."""


class Processing(Section):
    """How files are checked and kept."""

    max_bad_share: float = Field(default=0.5, ge=0, le=1)
    """A file with a larger share of bad rows is refused whole, 0 to 1."""
    keep_landing: bool = True
    """Keep the vendor's files after they are in bronze."""
    enable_enrichment: bool = True
    """Whether `run` and `backfill` go on to silver; without it they end with bronze."""
    enable_binary_conversion: bool = True
    """Whether they go on to Qlib's binaries; without it they end with silver."""
    max_memory_gb: float | None = Field(default=None, gt=0)
    """GiB that a run may hold: its loader all of it, DuckDB half. By default the mode's limit,
    four fifths of the usable memory and in streaming mode at most 14. More than there is counts as
    what there is."""
    max_workers: int | None = Field(default=None, ge=1)
    """Files converted at a time, and threads of DuckDB. By default the usable processors, but at
    most 2, 4 or 16 in streaming, batch or parallel mode."""
    max_concurrent_downloads: int | None = Field(default=None, ge=1)
    """Files fetched at a time. By default 2, 4 or 8."""
