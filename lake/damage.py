"""Files of silver that are lost or damaged, met by whoever reads the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from lake.disk import is_full
from lake.errors import CorruptFile

# What DuckDB and Arrow raise over a file that is gone, cut off or overwritten.
UNREADABLE = (
    duckdb.IOException,
    duckdb.InvalidInputException,
    duckdb.SerializationException,
    pa.ArrowException,
)


@contextmanager
def naming_lost_files() -> Iterator[None]:
    """Turn an error over an unreadable file of silver into one by remedy.

    Raises:
        CorruptFile: a file is lost or damaged.
    """
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        # An error of no class of its own is one of decompression.
        if is_full(error) or not (isinstance(error, UNREADABLE) or type(error) is duckdb.Error):
            raise
        what = str(error).partition("\n")[0]
        raise CorruptFile(
            f"{what}: silver is lost or damaged there; `quantmini maintain rebuild` makes it anew "
            "from bronze"
        ) from error
