"""The memory guard acts on what is measured, and the modes keep their memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from isal import igzip

from ingest.loader import ingest
from ingest.memory import Guard, MemoryLimits, Usage, measure
from lake.datasets import DATASETS, pick
from lake.errors import OutOfMemory
from lake.profile import GIB, Mode, limits_for
from lake.settings import PROJECT
from tests.conftest import quantmini
from tests.ingest.conftest import DAY, MIDNIGHT, MINUTE, Bucket, bar, packed


def guard(*shares: float, workers: int = 4, pause: float = 0) -> Guard:
    """A guard that measures these shares one after the other, and the last one from then on."""
    left = list(shares)

    def measured(limits: MemoryLimits) -> Usage:
        return Usage(left.pop(0) if len(left) > 1 else left[0], 0.1)

    return Guard(MemoryLimits(1.0, pause=pause), workers, measured)


def test_enough_memory_changes_nothing() -> None:
    roomy = guard(0.5)
    with roomy.room(), roomy.room():
        pass
    assert roomy.workers == 4


def test_warning_level_shrinks_concurrency() -> None:
    tight = guard(0.8)
    for left in (3, 2, 1, 1):
        with tight.room():
            assert tight.workers == left


def test_critical_level_pauses_until_there_is_room() -> None:
    with guard(0.9, 0.9, 0.9, 0.5, pause=60).room():
        pass


def test_a_pause_ends_when_another_file_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.memory.LOOK", 60)
    share, begun, done = [0.1], threading.Event(), threading.Event()
    busy = Guard(MemoryLimits(1.0, pause=60), 2, lambda limits: Usage(share[0], 0.1))

    def first() -> None:
        with busy.room():
            begun.set()
            done.wait()
            share[0] = 0.1

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait()
    share[0] = 1.5
    threading.Timer(0.05, done.set).start()
    with busy.room():
        pass
    thread.join()


def test_who_waited_for_memory_still_waits_for_a_place() -> None:
    waiting: set[int] = set()

    def measured(_: MemoryLimits) -> Usage:
        waiting.add(threading.get_ident())
        return Usage(0.9 if len(waiting) < 2 else 0.1, 0.1)

    one_place, both = Guard(MemoryLimits(1.0, pause=60), 1, measured), threading.Barrier(2)

    def convert() -> None:
        with one_place.room(), suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.5)

    threads = [threading.Thread(target=convert) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waiting) == 2
    assert both.broken


@pytest.mark.parametrize("share", [0.9, 1.2])
def test_no_room_stops_with_the_setting_to_change(share: float) -> None:
    with (
        pytest.raises(OutOfMemory, match=r"processing\.max_memory_gb.*pipeline\.mode"),
        guard(share).room(),
    ):
        pass


def test_usage_is_measured() -> None:
    ballast = np.ones(200_000_000 // 8)
    usage = measure(MemoryLimits(max_gb=0.1))
    assert usage.process > ballast.nbytes / (0.1 * GIB)
    assert 0 < usage.system < 1


def test_a_low_limit_stops_the_run_and_keeps_bronze(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    low = MemoryLimits(max_gb=0.01, pause=0)
    with pytest.raises(OutOfMemory):
        ingest(bucket.layout, bucket.source, pick(["stocks_minute"]), memory=low)
    assert not bucket.layout.bronze(DATASETS["stocks_minute"], DAY).exists()


def test_the_setting_stops_the_command(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    words = ("ingest", "stocks_minute", "--source", str(bucket.path))
    ended = quantmini(bucket.layout.root, *words, QUANTMINI_PROCESSING__MAX_MEMORY_GB="0.01")
    assert ended.returncode == 1
    assert "processing.max_memory_gb" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_modes_differ_in_sizes_only(bucket: Bucket) -> None:
    modes: tuple[Mode, ...] = ("streaming", "batch", "parallel")
    sizes = [limits_for(mode, 64, 16) for mode in modes]
    for name in ("max_workers", "max_concurrent_downloads", "parquet_row_group_size"):
        assert sorted(getattr(size, name) for size in sizes) == [getattr(s, name) for s in sizes]
    assert len({size.slice_bytes for size in sizes}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["streaming", "parallel"])
def test_the_mode_reaches_the_files(bucket: Bucket, mode: str) -> None:
    rows = [bar(f"S{i:06}") for i in range(120_000)]
    bucket.put(packed(*rows))
    words = ("ingest", "stocks_minute", "--source", str(bucket.path))
    ended = quantmini(bucket.layout.root, *words, QUANTMINI_PIPELINE__MODE=mode)
    assert ended.returncode == 0, ended.stderr
    path = bucket.layout.bronze(DATASETS["stocks_minute"], DAY)
    groups = {"streaming": [65_536, 54_464], "parallel": [120_000]}[mode]
    found = pl.scan_parquet(path).select(pl.len()).collect().item()
    assert found == sum(groups)
    assert row_groups(path) == groups
    marks = json.loads(bucket.layout.watermarks("stocks").read_text())
    assert marks["stocks_minute"]["processing_mode"] == mode


def row_groups(path: Path) -> list[int]:
    import pyarrow.parquet as pq

    facts = pq.ParquetFile(path).metadata
    return [facts.row_group(place).num_rows for place in range(facts.num_row_groups)]


MEASURED = """
import resource, sys
from pathlib import Path
from ingest.convert import ConvertOptions
from ingest.loader import ingest
from ingest.source import DirectorySource
from lake.datasets import pick
from lake.layout import Layout
from lake.profile import limits_for

bounds = limits_for("streaming", 16, 2)
report = ingest(
    Layout(Path(sys.argv[1])), DirectorySource(Path(sys.argv[2])), pick(["stocks_minute"]),
    workers=bounds.max_workers,
    options=ConvertOptions(1, bounds.parquet_row_group_size, bounds.slice_bytes),
)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.platform == "linux":
    # There ru_maxrss begins with that of the process that started this one.
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    peak = int(line.split()[1]) * 1024
print(report.ingested[0].rows, peak)
"""


@pytest.mark.slow
@pytest.mark.parametrize("in_order", [True, False])
def test_a_large_day_in_streaming_mode_stays_under_a_gigabyte(
    bucket: Bucket, in_order: bool
) -> None:
    rows = 2_200_000
    bucket.put(large_day(rows, in_order))
    process = subprocess.run(
        [sys.executable, "-c", MEASURED, str(bucket.layout.root), str(bucket.path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    kept, peak = (int(word) for word in process.stdout.split())
    assert kept == rows
    assert peak < 1e9


def large_day(rows: int, in_order: bool) -> bytes:
    """Minute bars of 390 minutes a symbol, sorted, or with the last symbol first."""
    rng = np.random.default_rng(1)
    cents = np.maximum(rng.integers(-3, 4, rows).cumsum() + 5_000, 100)
    minute = np.arange(rows) % 390 + 570
    price = pl.Series(cents) / 100
    frame = pl.DataFrame(
        {
            "ticker": (pl.Series(np.arange(rows) // 390).cast(pl.String).str.zfill(5)),
            "volume": rng.integers(1, 100_000, rows),
            "open": price,
            "close": price,
            "high": price + 1,
            "low": price - 0.5,
            "window_start": MIDNIGHT + minute * MINUTE,
            "transactions": rng.integers(1, 900, rows),
        }
    )
    if not in_order:
        frame = pl.concat([frame.tail(390), frame.head(-390)])
    return bytes(igzip.compress(frame.write_csv(float_precision=2).encode(), 1))
