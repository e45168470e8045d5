"""The daily chain as one plain function: profile, ingest, dbt, gate, gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from flows.gate import Gate
from flows.progress import bar, call
from flows.recording import Step, recorded
from flows.transform import transform
from gold_export.export import export, is_current
from gold_export.job import inputs
from gold_export.options import STORES, ExportOptions
from gold_export.verify import verify
from gold_export.versions import prepare
from ingest import convert
from ingest.bronze import Encoding
from ingest.loader import ingest
from ingest.memory import MemoryLimits
from ingest.report import IngestReport
from ingest.source import DirectorySource, Source
from lake import catalog
from lake.datasets import Dataset
from lake.errors import QuantminiError, UsageError
from lake.layout import Layout
from lake.lock import writing
from lake.profile import Limits
from lake.settings import Settings, Universe


@dataclass(frozen=True)
class Request:
    """What one run is asked to do; `wait` for the lake while another run writes to it."""

    settings: Settings
    datasets: list[Dataset]
    source: str = "s3"
    start: date | None = None
    end: date | None = None
    command: str = "run"
    wait: bool = False

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


def run_chain(request: Request, step: Step = call) -> dict[str, Any]:
    """Everything missing, from flat files to Qlib; one data set's failure does not stop another.

    Returns:
        `ingested`, `skipped`, `failed`, `gate`, `published` and `gold` (DESIGN.md section 6).
    """
    layout = request.layout
    with (
        recorded(request.settings, request.command) as recording,
        writing(layout, request.datasets, wait=request.wait),
    ):
        measured = recording.measured(step)
        bounds = step("profile", request.settings.limits)
        report = measured("ingest", ingest_stage, request, bounds)
        gate, gold = Gate({}), []
        if "silver" not in request.switched_off:
            gate = measured("transform", transform_stage, request, bounds)
        if "gold" not in request.switched_off:
            gold = measured("export", export_stage, request, bounds)
        return recording.outcome(
            {
                **report.as_dict(),
                "switched_off": request.switched_off,
                "gate": asdict(gate),
                "published": catalog.published(layout),
                "gold": gold,
            }
        )


def ingest_only(request: Request) -> dict[str, Any]:
    """Flat files to bronze, and no further."""
    with recorded(request.settings, "ingest") as recording, writing(request.layout):
        bounds = request.settings.limits()
        report = recording.measured(call)("ingest", ingest_stage, request, bounds)
        return recording.outcome(report.as_dict())


def transform_only(request: Request) -> dict[str, Any]:
    """Bronze to published silver."""
    with (
        recorded(request.settings, "transform") as recording,
        writing(request.layout, request.datasets),
    ):
        bounds = request.settings.limits()
        gate = recording.measured(call)("transform", transform_stage, request, bounds)
        published = catalog.published(request.layout)
        return recording.outcome({"gate": asdict(gate), "published": published})


def export_only(request: Request, verified: bool = False) -> dict[str, Any]:
    """Published silver to gold; on demand each store is then compared with silver by pyqlib."""
    with recorded(request.settings, "export") as recording, writing(request.layout):
        bounds = request.settings.limits()
        gold = recording.measured(call)("export", export_stage, request, bounds)
        if verified:
            verify_stage(request, bounds, gold)
        return recording.outcome({"gold": gold})


def ingest_stage(request: Request, bounds: Limits) -> IngestReport:
    """Flat files to bronze."""
    processing, watch = request.settings.processing, request.settings.monitoring
    with bar("ingest") as advance:
        return ingest(
            request.layout,
            open_source(request, bounds),
            request.datasets,
            request.start,
            request.end,
            workers=bounds.max_workers,
            downloads=bounds.max_concurrent_downloads,
            limits=conversion(request.settings, bounds),
            memory=MemoryLimits(
                bounds.max_memory_gb,
                watch.memory_warning_percent / 100,
                watch.memory_critical_percent / 100,
                watch.memory_pause_seconds,
            ),
            keep_landing=processing.keep_landing,
            mode=bounds.mode,
            on_progress=advance,
        )


def conversion(settings: Settings, bounds: Limits) -> convert.Limits:
    """How each file is checked and written."""
    parquet = settings.parquet
    return convert.Limits(
        settings.processing.max_bad_share,
        parquet.row_group_rows or bounds.parquet_row_group_size,
        bounds.slice_bytes,
        Encoding(
            parquet.compression,
            parquet.compression_level,
            parquet.use_dictionary,
            parquet.write_statistics,
        ),
    )


def transform_stage(request: Request, bounds: Limits) -> Gate:
    """Bronze to silver, tested and published."""
    settings, timing = request.settings, None
    if settings.monitoring.enable_profiling:
        now = datetime.now(UTC)
        timing = request.layout.log("performance") / f"profile-dbt-{now:%Y%m%dT%H%M%SZ}.pstats"
    return transform(request.layout, bounds, request.datasets, settings.features, timing)


def open_source(request: Request, bounds: Limits) -> Source:
    """The bucket, or the folder that the request names.

    Raises:
        UsageError: the bucket is asked for without keys, or the folder does not exist.
    """
    if request.source != "s3":
        return DirectorySource(Path(request.source).expanduser())
    settings = request.settings
    if settings.s3_access_key_id is None or settings.s3_secret_access_key is None:
        raise UsageError(
            "no S3 keys: set POLYGON_S3_ACCESS_KEY_ID and POLYGON_S3_SECRET_ACCESS_KEY, "
            "or name a folder with --source DIR"
        )
    # boto3 takes half a second to import, which a run on a folder need not wait for.
    from ingest.s3 import S3Source

    return S3Source(
        settings.source.s3_endpoint,
        settings.source.bucket,
        settings.s3_access_key_id.get_secret_value(),
        settings.s3_secret_access_key.get_secret_value(),
        connections=bounds.max_concurrent_downloads,
        retries=settings.source.max_retries,
        pause=settings.source.retry_delay_seconds,
    )


def export_stage(request: Request, bounds: Limits) -> list[dict[str, Any]]:
    """Published silver to Qlib, store by store; a store that fails keeps its old content."""
    layout = request.layout
    wanted = {dataset.name for dataset in request.datasets}
    served = catalog.tables(layout)
    todo = {}
    for store, names in STORES.items():
        options = export_options(request.settings, store)
        tables = {name: served[name] for name in inputs(store, options) if name in served}
        if set(tables) & set(names) and wanted & set(names):
            snapshots = {name: table.snapshot for name, table in tables.items()}
            runs = {name: table.run for name, table in tables.items()}
            todo[store] = (snapshots, options, runs)
    if not any(not is_current(layout, store, *made_from) for store, made_from in todo.items()):
        return [{"store": store, "skipped": True} for store in todo]
    outcome: list[dict[str, Any]] = []
    memory, threads = bounds.duckdb_memory, bounds.max_workers
    with catalog.connect(layout, memory, threads, in_order=False) as connection:
        for store, made_from in todo.items():
            if not layout.gold(store).exists() and not has_bars(connection, store, made_from[0]):
                outcome.append({"store": store, "skipped": True})
                continue
            try:
                outcome.append(asdict(export(connection, layout, store, *made_from)))
                prepare(layout, store)
            except QuantminiError as error:
                outcome.append({"store": store, "error": str(error)})
    return outcome


def has_bars(connection: duckdb.DuckDBPyConnection, store: str, served: Mapping[str, int]) -> bool:
    """Whether any data set of a store has a bar; a lake of stocks alone has no options to show."""
    names = [name for name in STORES[store] if name in served]
    return any(
        connection.execute(f"SELECT 1 FROM silver.{name} LIMIT 1").fetchone() for name in names
    )


def verify_stage(request: Request, bounds: Limits, gold: list[dict[str, Any]]) -> None:
    """Add `verify` to the outcome of each store, and an error where it differs from silver."""
    made = [outcome for outcome in gold if request.layout.gold(outcome["store"]).exists()]
    for outcome in (outcome for outcome in made if "error" not in outcome):
        with catalog.connect(request.layout, bounds.duckdb_memory, bounds.max_workers) as con:
            report = verify(con, request.layout, outcome["store"])
        outcome["verify"] = asdict(report)
        if not report.equal:
            outcome["error"] = f"the store is not equal to silver, first at {report.worst}"


def export_options(settings: Settings, store: str) -> ExportOptions:
    """The part of the configuration that decides a store's content."""
    gold = settings.gold
    universe = Universe() if store == "stocks_daily" else getattr(gold, store)
    return ExportOptions(
        fields={name: tuple(gold.fields[name]) for name in STORES[store] if name in gold.fields},
        symbols=tuple(universe.symbols),
        top=universe.top,
        lists=tuple(gold.lists),
        types={name: tuple(kinds) for name, kinds in gold.types.items()},
        adjustment=gold.adjustment,
    )
