"""Series written by ranges of instruments: every one once, the same bytes, however often."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gold_export import calendars, ranges
from gold_export.export import export
from gold_export.options import ExportOptions
from gold_export.ranges import Range
from gold_export.selection import registered
from gold_export.series import Spans
from lake.errors import BadData
from lake.layout import Layout
from tests.gold_export.conftest import contents
from tests.gold_export.export_forever import version

STORE = "stocks_daily"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 100))
def test_a_range_is_cut_into_whole_instruments(lengths: list[int], values: int) -> None:
    tickers = [f"T{number:02}" for number in range(len(lengths))]
    spans = Spans(tickers, np.zeros(len(lengths), np.int64), np.array(lengths) - 1)
    ends = (date(2024, 1, 2), date(2024, 12, 31))
    whole = Range(STORE, ["open", "close"], ends, 0, False, 1, tickers, spans)
    parts = whole.cut(values)
    assert [ticker for part in parts for ticker in part.tickers] == tickers
    assert np.concatenate([part.spans.last for part in parts]).tolist() == spans.last.tolist()
    sizes = [2 * int((1 + part.spans.last).sum()) for part in parts]
    assert all(
        size <= values + 2 * max(lengths)
        for size, part in zip(sizes, parts, strict=True)
        if len(part.tickers) > 1
    )
    assert len(parts) <= 1 + sum(sizes) // values


def test_ranges_in_any_order_and_twice_make_the_same_store(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    con, given_away = version(1), []

    def spread(folder: Path, parts: list[Range]) -> Generator[int, None, None]:
        for part in reversed(parts):
            given_away.append((folder, part))
            ranges.write(con, part, folder, again=True)
            yield ranges.write(con, part, folder, again=True)

    export(con, Layout(tmp_path / "whole"), STORE, {STORE: 1}, ExportOptions())
    monkeypatch.setattr(ranges, "VALUES", 500)
    export(con, layout, STORE, {STORE: 1}, ExportOptions(), spread=spread)
    assert len(given_away) > 3
    before = contents(layout.gold(STORE))
    assert before == contents(Layout(tmp_path / "whole").gold(STORE))

    # One that was given up for dead, and comes when the store is served and has moved on.
    folder, part = given_away[0]
    axis = calendars.as_table(calendars.sessions(*part.sessions), "day")
    changed = version(2)
    with registered(changed, gold_sessions=axis):
        assert ranges.write(changed, part, folder, again=True) == 0
    assert contents(layout.gold(STORE)) == before


def test_a_range_that_was_not_written_fails_the_export(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = version(1)

    def spread(folder: Path, parts: list[Range]) -> Generator[int, None, None]:
        for part in parts[1:]:
            yield ranges.write(con, part, folder, again=True)

    monkeypatch.setattr(ranges, "VALUES", 500)
    with pytest.raises(BadData, match="of 40 instruments could be read; run again"):
        export(con, layout, STORE, {STORE: 1}, ExportOptions(), spread=spread)
    assert not layout.gold(STORE).exists()
