"""Rows in order → dense float32 series, as Qlib's files hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class Spans:
    """Where each of N instruments lies in the calendar.

    Attributes:
        names: N Qlib names; an instrument's number is its place here.
        first: (N,) int64, calendar index of the first bar.
        last: (N,) int64, calendar index of the last bar.
    """

    names: list[str]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


def changes(
    batches: Iterable[pa.RecordBatch], before: npt.NDArray[np.float64]
) -> Iterator[pa.RecordBatch]:
    """Turn the closes in column `change` into close / previous close - 1 of the same instrument.

    Args:
        batches: sorted by number, then time; column `change` holds float64 adjusted closes.
        before: (N,) by number, the close before an instrument's first row, NaN where none is.

    Yields:
        The same batches with `change` as float32, NaN where no close is before it and after a
        close of zero. Halts do not matter: the previous bar counts, however long ago.
    """
    number, close = -1, np.nan
    for batch in batches:
        if not batch.num_rows:
            continue
        numbers, closes = batch["number"].to_numpy(), batch["change"].to_numpy()
        previous = np.concatenate([[close], closes[:-1]])
        begins = np.diff(numbers, prepend=number) != 0
        previous[begins] = before[numbers[begins]]
        previous[previous == 0] = np.nan
        number, close = numbers[-1], closes[-1]
        change = pa.array((closes / previous - 1).astype("<f4"))
        yield batch.set_column(batch.schema.get_field_index("change"), "change", change)


def dense(
    batches: Iterable[pa.RecordBatch], spans: Spans
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Spread sorted rows over each instrument's span of the calendar.

    Args:
        batches: columns number, position (int64), then F float32 fields; sorted by number, then
            position. An instrument may run over several batches, and only one is held at a time.
        spans: every row's position lies inside its instrument's span.

    Yields:
        The instrument's number and its (F, 1 + length) block: column 0 is the calendar index of
        the first bar, exact in float32 up to 16.7 million entries (170 years of minutes), the
        rest one value a calendar entry, NaN where there is no bar or the value is NULL.
    """
    number, block = -1, np.empty((0, 0), "<f4")
    for batch in batches:
        numbers, positions, *fields = (
            column.to_numpy(zero_copy_only=False) for column in batch.columns
        )
        if not batch.num_rows:
            continue
        values = np.stack(fields)
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, stop in pairwise(edges):
            if numbers[start] != number:
                if number >= 0:
                    yield number, block
                number = int(numbers[start])
                block = _empty(len(fields), int(spans.first[number]), int(spans.last[number]))
            block[:, positions[start:stop] - spans.first[number] + 1] = values[:, start:stop]
    if number >= 0:
        yield number, block


def _empty(fields: int, first: int, last: int) -> npt.NDArray[np.float32]:
    block = np.full((fields, 2 + last - first), np.nan, "<f4")
    block[:, 0] = first
    return block
