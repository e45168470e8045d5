"""The loader as the settings want it."""

from __future__ import annotations

import uuid
from collections.abc import Generator

from flows.progress import bar
from flows.request import Request
from ingest.bronze import Encoding
from ingest.convert import ConvertOptions
from ingest.loader import Portion, Spread, ingest
from ingest.memory import MemoryLimits
from ingest.report import IngestReport, Outcome
from ingest.source import DirectorySource, RemoteFile, Source
from lake.datasets import Dataset
from lake.errors import UsageError
from lake.files import named
from lake.profile import Limits
from lake.settings import Settings


def ingest_stage(request: Request, bounds: Limits) -> IngestReport:
    """Flat files to bronze."""
    settings = request.settings
    options = conversion(settings, bounds)
    with bar("ingest") as advance:
        return ingest(
            request.layout,
            open_source(settings, request.source, bounds),
            request.datasets,
            request.start,
            request.end,
            workers=bounds.max_workers,
            downloads=bounds.max_concurrent_downloads,
            options=options,
            memory=memory_limits(settings, bounds),
            keep_landing=settings.processing.keep_landing,
            mode=bounds.mode,
            on_progress=advance,
            spread=_spread(request, options, request.cluster) if request.cluster else None,
        )


def _spread(request: Request, options: ConvertOptions, address: str) -> Spread:
    """Has the days ingested as tasks on the workers of a cluster."""
    # Imported here, since what the workers do begins with opening a source.
    from flows import cluster, workers

    same = {
        "run": uuid.uuid4().hex,
        "root": request.layout.root,
        "source": request.source,
        "options": options,
        "keep_landing": request.settings.processing.keep_landing,
    }
    if request.source != "s3":
        same["source"] = str(named(request.source).resolve())

    def spread(portions: list[Portion]) -> Generator[list[Outcome], None, None]:
        pieces = [
            (_shown(*portion), same | {"dataset": portion[0].name, "files": portion[1]})
            for portion in portions
        ]
        return cluster.results(address, workers.load_days, pieces)

    return spread


def _shown(dataset: Dataset, files: list[RemoteFile]) -> str:
    """A portion as Prefect shows it."""
    days = sorted({files[0].day, files[-1].day})
    return f"{dataset.name} {' to '.join(map(str, days))}"


def memory_limits(settings: Settings, bounds: Limits) -> MemoryLimits:
    """When the loader waits for memory and when it gives up."""
    watch = settings.monitoring
    return MemoryLimits(
        bounds.max_memory_gb,
        watch.memory_warning_percent / 100,
        watch.memory_critical_percent / 100,
        watch.memory_pause_seconds,
    )


def conversion(settings: Settings, bounds: Limits) -> ConvertOptions:
    """How each file is checked and written."""
    parquet = settings.parquet
    return ConvertOptions(
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


def open_source(settings: Settings, source: str, bounds: Limits) -> Source:
    """The bucket, or the folder that is named.

    Raises:
        UsageError: the bucket is asked for without keys, or the folder does not exist.
    """
    if source != "s3":
        return DirectorySource(named(source))
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
