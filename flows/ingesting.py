"""The loader as the settings want it."""

from __future__ import annotations

from pathlib import Path

from flows.progress import bar
from flows.request import Request
from ingest import convert
from ingest.bronze import Encoding
from ingest.loader import ingest
from ingest.memory import MemoryLimits
from ingest.report import IngestReport
from ingest.source import DirectorySource, Source
from lake.errors import UsageError
from lake.profile import Limits
from lake.settings import Settings


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
