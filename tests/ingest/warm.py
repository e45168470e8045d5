"""Imported by a fork server, so that the processes it makes start with everything loaded."""

import pyarrow.parquet  # noqa: F401

import ingest.loader
import ingest.s3  # noqa: F401
from lake.calendar import exchange

exchange()
