"""Imported by the fork server, so that the processes it makes start with everything loaded."""

import dbt.adapters.duckdb.impl
import dbt.cli.main  # noqa: F401
import pyarrow.parquet  # noqa: F401

import ingest.loader
import ingest.reference.sync
import ingest.s3  # noqa: F401
from lake.calendar import exchange

exchange()
