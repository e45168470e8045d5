"""Every path inside a lake is made here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lake.datasets import Dataset
from lake.shared import Shared


@dataclass(frozen=True)
class Layout:
    """The folders of one lake (docs/architecture.md).

    Attributes:
        root: the folder that holds them.
        shared: the catalog and the bucket that it shares with other machines, where it does; then
            silver is there, and all else below the root still this machine's own.
    """

    root: Path
    shared: Shared | None = None

    def landing(self, dataset: Dataset, day: date) -> Path:
        """The vendor's file as it came."""
        return self.root / f"landing/polygon-s3/{dataset.name}/{day:%Y/%m/%Y-%m-%d}.csv.gz"

    def historical(self, dataset: Dataset, day: date) -> Path:
        """The vendor's file, once it is old and no longer in landing."""
        return self.root / f"archive/historical/{dataset.name}/{day:%Y/%m/%Y-%m-%d}.csv.gz"

    def expired_options(self, dataset: str) -> Path:
        """The folder of expired contracts that left silver, a file a month of expiries."""
        return self.root / "archive/expired_options" / dataset

    def landed(self, dataset: Dataset, day: date) -> Path | None:
        """The vendor's file, wherever it is kept; None where it is not."""
        places = (self.landing(dataset, day), self.historical(dataset, day))
        return next((path for path in places if path.exists()), None)

    def bronze_folder(self, dataset: Dataset) -> Path:
        """The folder that holds a data set's validated files."""
        return self.root / "bronze" / dataset.name

    def bronze(self, dataset: Dataset, day: date) -> Path:
        """The validated Parquet file of one trading day."""
        return self.bronze_folder(dataset) / f"year={day:%Y}/month={day:%m}/{day}.parquet"

    def bronze_files(self, dataset: Dataset) -> dict[date, Path]:
        """Every trading day in bronze, in order. A file whose name is not a date is not ours."""
        files = {}
        for path in sorted(self.bronze_folder(dataset).glob("year=*/month=*/*.parquet")):
            try:
                files[date.fromisoformat(path.stem)] = path
            except ValueError:
                continue
        return files

    @property
    def bronze_reference(self) -> Path:
        """The folder of the reference tables, a folder of Parquet files each."""
        return self.root / "bronze/reference"

    def quarantine_folder(self, dataset: Dataset) -> Path:
        """The folder that holds a data set's rejected rows."""
        return self.root / "quarantine" / dataset.name

    def quarantine(self, dataset: Dataset, day: date) -> Path:
        """The rejected rows of one trading day."""
        return self.quarantine_folder(dataset) / f"{day}.parquet"

    def api_landing(self, table: str) -> Path:
        """The REST answers that a reference table is made from, a folder for each sync."""
        return self.root / "landing/polygon-api" / table

    @property
    def api_lock(self) -> Path:
        """Held by the one sync that lands REST answers."""
        return self.root / "landing/polygon-api/sync.lock"

    def reference(self, table: str) -> Path:
        """The folder whose Parquet files together are a reference table."""
        return self.bronze_reference / table

    def reference_draft(self, table: str) -> Path:
        """Where the next files of a reference table are written; beside it, to be renamed."""
        return self.bronze_reference / ".draft" / table

    def reference_quarantine(self, table: str) -> Path:
        """The rejected rows of a reference table."""
        return self.root / f"quarantine/reference/{table}.parquet"

    def watermarks(self, asset: str) -> Path:
        """How far the data sets of `stocks` or `options` are; rebuilt from bronze at any time."""
        return self.root / f"metadata/{asset}/watermarks.json"

    def gold(self, store: str) -> Path:
        """A Qlib store: `stocks_daily`, `stocks_minute` or `options`."""
        return self.root / "gold/qlib" / store

    def gold_versions(self, store: str) -> Path:
        """The versions of a Qlib store, a folder each; `gold(store)` links to the current one."""
        return self.root / "gold/qlib/.versions" / store

    def marts(self) -> list[Path]:
        """The Parquet files that dbt writes for other tools: symbols, contracts and the like."""
        folders = [self.watermarks(asset).parent for asset in ("stocks", "options")]
        return [path for folder in folders for path in sorted(folder.glob("*.parquet"))]

    @property
    def catalog(self) -> Path:
        """The DuckLake catalog."""
        return self.root / "metadata/catalog.sqlite"

    @property
    def backups(self) -> Path:
        """Copies of the catalog, a folder each, made before maintenance."""
        return self.root / "metadata/backups"

    @property
    def published(self) -> Path:
        """The published snapshot of each data set, written by dbt when its gate passes."""
        return self.root / "metadata/published.json"

    @property
    def sessions(self) -> Path:
        """The exchange calendar as Parquet, for dbt."""
        return self.root / "metadata/exchange/sessions.parquet"

    @property
    def transformed(self) -> Path:
        """What bronze looked like when each data set was last published."""
        return self.root / "metadata/transformed.json"

    @property
    def lock(self) -> Path:
        """Held by the one run that writes."""
        return self.root / "metadata/writer.lock"

    @property
    def report(self) -> Path:
        """Where `quantmini report` writes its page."""
        return self.root / "report.html"

    @property
    def dbt_target(self) -> Path:
        """dbt's compiled files and results of the flow's own runs."""
        return self.root / "temp/dbt"

    @property
    def temp(self) -> Path:
        """Spill files and what dbt compiled; safe to delete while nothing runs."""
        return self.root / "temp"

    @property
    def query_cache(self) -> Path:
        """Answers to queries, kept until others need the room; safe to delete at any time."""
        return self.root / "cache/queries"

    def layers(self) -> list[Path]:
        """The folders under the root that hold data or logs."""
        names = (
            "landing",
            "bronze",
            "quarantine",
            "silver",
            "gold",
            "metadata",
            "archive",
            "cache",
            "logs",
            "temp",
        )
        return [self.root / name for name in names]

    def log(self, kind: str) -> Path:
        """A log folder: `pipeline`, `errors` or `performance`."""
        return self.root / "logs" / kind
