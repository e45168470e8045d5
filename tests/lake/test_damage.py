"""Errors over files of silver name what helps, others stay what they are."""

import duckdb
import pyarrow as pa
import pytest

from lake.damage import naming_lost_files
from lake.errors import CorruptFile


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException("No magic bytes found at end of file"),
        # Of decompression.
        duckdb.Error("Payload value bigger than allowed. Corrupted file?"),
        pa.ArrowInvalid("Parquet magic bytes not found in footer"),
    ],
)
def test_damage_names_the_command_that_mends_it(error):
    with pytest.raises(CorruptFile, match="`quantmini maintain rebuild`"), naming_lost_files():
        raise error


@pytest.mark.parametrize(
    "error",
    [duckdb.OutOfMemoryException("too small"), duckdb.IOException("No space left on device")],
)
def test_other_errors_are_not_called_damage(error):
    with pytest.raises(type(error)), naming_lost_files():
        raise error
