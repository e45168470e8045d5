"""Spreading rows over the calendar, whatever the batches they come in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gold_export import series, store_files

NUMBERS = [0, 0, 0, 1, 2, 2]
POSITIONS = [3, 4, 7, 0, 1, 2]
SPANS = series.Spans(["A", "B", "C"], np.array([3, 0, 1]), np.array([7, 0, 2]))
ROWS = pa.table(
    {
        "number": pa.array(NUMBERS, pa.int32()),
        "position": pa.array(POSITIONS, pa.int64()),
        "close": pa.array([1, None, 3, 4, 5, 6], pa.float32()),
        "change": pa.array([10.0, 5.0, 20.0, 0.0, 8.0, 2.0], pa.float64()),
    }
)
NAN = float("nan")


def batches(size: int) -> list[pa.RecordBatch]:
    empty = pa.RecordBatch.from_pylist([], schema=ROWS.schema)
    return [empty, *ROWS.to_batches(max_chunksize=size), empty]


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_gaps_and_nulls_are_nan_and_the_header_is_the_start(size):
    got = list(series.dense((b.drop_columns(["change"]) for b in batches(size)), SPANS))
    assert [number for number, _ in got] == [0, 1, 2]
    want = [[[3, 1, NAN, NAN, NAN, 3]], [[0, 4]], [[1, 5, 6]]]
    for (_, block), values in zip(got, want, strict=True):
        assert block.dtype == np.dtype("<f4")
        np.testing.assert_array_equal(block, np.array(values, "f4"))


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_change_needs_a_previous_bar_of_the_same_instrument(size):
    before = np.array([np.nan, np.nan, np.nan])
    got = np.concatenate([b["change"].to_numpy() for b in series.changes(batches(size), before)])
    np.testing.assert_array_equal(got, np.array([NAN, -0.5, 3.0, NAN, NAN, -0.75], "f4"))


@pytest.mark.parametrize("size", [1, 3])
def test_change_goes_on_from_the_close_before(size):
    before = np.array([5.0, np.nan, 0.0])
    got = np.concatenate([b["change"].to_numpy() for b in series.changes(batches(size), before)])
    np.testing.assert_array_equal(got, np.array([1.0, -0.5, 3.0, NAN, NAN, -0.75], "f4"))


def test_no_change_from_a_close_of_zero():
    rows = {"number": pa.array([0, 0, 0], pa.int32()), "change": [0.0, 1.0, 2.0]}
    [batch] = series.changes([pa.record_batch(rows)], np.array([np.nan]))
    np.testing.assert_array_equal(batch["change"].to_numpy(), np.array([NAN, NAN, 1.0], "f4"))


def test_nothing_comes_from_nothing():
    assert list(series.dense([], SPANS)) == []


def test_a_file_is_never_overwritten(tmp_path):
    block = np.array([[0, 1, 2]], "<f4")
    assert store_files.write(tmp_path, [(0, block)], ["A"], ["f"]) == 1
    with pytest.raises(FileExistsError):
        store_files.write(tmp_path, [(0, block)], ["A"], ["f"])
    assert (tmp_path / "a/f").read_bytes() == block.tobytes()


def test_appending_leaves_out_the_header_and_checks_the_size(tmp_path):
    store_files.write(tmp_path, [(0, np.array([[0, 1]], "<f4"))], ["A"], ["f"])
    more = np.array([[2, 5, 6]], "<f4")
    store_files.extend(tmp_path, [(0, more)], ["A"], ["f"], np.array([8]))
    assert np.fromfile(tmp_path / "a/f", "<f4").tolist() == [0, 1, 5, 6]
    with pytest.raises(OSError, match="8 bytes"):
        store_files.extend(tmp_path, [(0, more)], ["A"], ["f"], np.array([8]))
