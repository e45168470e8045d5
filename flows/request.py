"""What one run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lake.datasets import Dataset
from lake.layout import Layout
from lake.settings import Settings


@dataclass(frozen=True)
class Request:
    """What one run is asked to do; `wait` for the lake while another run writes to it.

    `cluster` is the address of a Dask scheduler whose workers help; a Prefect flow sets it.
    """

    settings: Settings
    datasets: list[Dataset]
    source: str = "s3"
    start: date | None = None
    end: date | None = None
    command: str = "run"
    wait: bool = False
    cluster: str | None = None

    @property
    def layout(self) -> Layout:
        """The lake of this run."""
        return self.settings.lake.layout()

    @property
    def switched_off(self) -> list[str]:
        """The layers that the settings keep a run from making; gold is made from silver."""
        processing = self.settings.processing
        if not processing.enable_enrichment:
            return ["silver", "gold"]
        return [] if processing.enable_binary_conversion else ["gold"]
