"""Ingest against its peers, paired in one run: `python -m benchmarks.ingest [--quick]`.

Ours does everything: every rule, order, exact decimals, provenance, sync and rename. Each round
runs all cases one after the other, and a ratio is the peer's time by ours of the same round.
Processor time stands beside wall time, since it is less moved by what else the machine does.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from isal import igzip

from benchmarks.peers import pandas_loop, polars_scan
from ingest import flatfile
from ingest.convert import Limits, convert
from ingest.loader import ingest
from ingest.sample_bars import OPENING, SLOTS, Lines, Session, day_bars, sample_bars
from ingest.source import DirectorySource, RemoteFile
from lake.datasets import DATASETS, Dataset
from lake.layout import Layout

Case = Callable[[Path], None]

MINUTE, DAILY = DATASETS["stocks_minute"], DATASETS["stocks_daily"]
FIRST = date(2024, 6, 10)
UNIT = 10_000


def bars(symbols: int, day: date) -> pl.DataFrame:
    """A day of minute bars whose liquidity is as uneven as a market's; about 125 a symbol."""
    rng = np.random.default_rng(day.toordinal())
    steps = rng.standard_normal((symbols, SLOTS + 1)) * 0.0013
    level = rng.lognormal(3.3, 1.2, symbols)
    trading = rng.beta(0.5, 1.2, symbols)[:, None]
    chance = np.repeat(0.1 * trading**2, SLOTS, axis=1)
    chance[:, OPENING : OPENING + 390] = trading
    lines = Lines(
        tickers=[f"{number:05d}".translate(LETTERS) for number in range(symbols)],
        price=level[:, None] * np.exp(steps.cumsum(axis=1)),
        chance=chance,
        wobble=np.full(symbols, 0.0008),
        size=rng.lognormal(6, 1.5, symbols),
        tick=np.where(level > 1, UNIT // 100, 1),
        lot=np.full(symbols, UNIT),
    )
    return livened(sample_bars(rng, lines, Session(day, 720)), rng)


def livened(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Volumes, trades and prices as uneven as real ones, which compress worse than the sample's.

    Real minutes of three large stocks: the logarithm of volume spreads by 1.1 to 2.8, a fifth of
    the volumes are whole hundreds, a fifth of the bars open and close alike; 13 bytes a row packed.
    """
    count = len(rows)
    shares = rows["volume"].to_numpy() / UNIT * rng.lognormal(0, 1.6, count)
    shares = np.where(rng.random(count) < 0.2, np.rint(shares / 100) * 100, np.rint(shares))
    trades = np.rint(shares / rng.lognormal(4, 0.8, count))
    below_a_cent = np.where(rng.random(count) < 0.05, rng.integers(-49, 50, count), 0)
    close = np.maximum(rows["close"].to_numpy() + below_a_cent, 1)
    return rows.with_columns(
        pl.Series("volume", np.maximum(shares, 1).astype(np.int64) * UNIT),
        pl.Series("transactions", np.maximum(trades, 1).astype(np.int64)),
        pl.Series("close", close),
        pl.Series("high", np.maximum(rows["high"].to_numpy(), close)),
        pl.Series("low", np.minimum(rows["low"].to_numpy(), close)),
    )


LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


def publish(folder: Path, dataset: Dataset, day: date, rows: pl.DataFrame) -> Path:
    """Write a flat file as the vendor does: exact decimals, zlib 6."""
    prices = [pl.col(name) / UNIT for name in flatfile.PRICES]
    frame = rows.select(flatfile.COLUMNS).with_columns(
        *(price.round(4) for price in prices), pl.col("volume") // UNIT
    )
    path = folder / dataset.object_key(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(frame.write_csv().encode(), 6, mtime=0))
    return path


def remote(dataset: Dataset, day: date, path: Path) -> RemoteFile:
    """What a source lists of this file."""
    facts = path.stat()
    return RemoteFile(dataset.object_key(day), day, facts.st_size, None, facts.st_mtime_ns)


def ours(dataset: Dataset, files: dict[date, Path]) -> Case:
    """`convert`, file by file."""

    def case(out: Path) -> None:
        for day, path in files.items():
            convert(path, Layout(out), dataset, remote(dataset, day, path), "etag", Limits())

    return case


def whole_ingest(dataset: Dataset, source: Path) -> Case:
    """The stage itself: listing, copying to landing with its MD5, convert, watermarks."""

    def case(out: Path) -> None:
        report = ingest(Layout(out), DirectorySource(source), [dataset])
        if report.failed:
            raise SystemExit(report.failed[0].error)

    return case


def each(files: dict[date, Path], peer: Callable[[Path, Path], None]) -> Case:
    """A peer, file by file."""

    def case(out: Path) -> None:
        for day, path in files.items():
            peer(path, out / f"{day}.parquet")

    return case


def inflate(source: Path, _: Path) -> None:
    """Floor: decompress and forget."""
    with igzip.open(source) as content:
        while content.read(flatfile.SLICE_BYTES):
            pass


def parse(source: Path, _: Path) -> None:
    """Floor: decompress and parse as doubles, without any check and without writing."""
    with igzip.open(source) as content:
        pl.read_csv(content.read())


def measure(
    cases: dict[str, Case], rounds: int, root: Path
) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each case in each round; a first round is not counted."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for place, (name, case) in enumerate(cases.items()):
            out = root / f"{number}-{place}"
            out.mkdir(parents=True)
            wall, used = time.perf_counter(), time.process_time()
            case(out)
            spent = time.perf_counter() - wall, time.process_time() - used
            if number:
                times[name].append(spent)
    return times


def show(title: str, times: dict[str, list[tuple[float, float]]], rows: int) -> None:
    """Medians, and how many times faster ours was, with the spread over the rounds."""
    print(f"\n{title}: {rows:,} rows, {len(next(iter(times.values())))} rounds")
    print(f"{'':30}{'wall s':>8}{'cpu s':>8}   peer/ours wall (min … max)   peer/ours cpu")
    own = times["ours"]
    for name, spent in times.items():
        wall, used = (statistics.median(each) for each in zip(*spent, strict=True))
        ratios = [
            sorted(theirs[kind] / mine[kind] for theirs, mine in zip(spent, own, strict=True))
            for kind in (0, 1)
        ]
        by_wall, by_cpu = ratios
        spread = f"{statistics.median(by_wall):.2f} ({by_wall[0]:.2f} … {by_wall[-1]:.2f})"
        print(f"{name:30}{wall:8.3f}{used:8.3f}   {spread:27}   {statistics.median(by_cpu):.2f}")


def main() -> None:
    """Measure all cases and print a table for each."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--quick", action="store_true", help="a tenth of the rows")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--only", choices=["day", "days", "small"])
    chosen = words.parse_args()
    symbols, small = (1_300, 25) if chosen.quick else (13_000, 250)
    with tempfile.TemporaryDirectory(prefix="quantmini-bench-") as folder:
        root = Path(folder)
        days = [FIRST + timedelta(days=ahead) for ahead in range(10)]
        if chosen.only != "small":
            minute = bars(symbols, FIRST)
            minutes = {
                day: publish(root / "minute", MINUTE, day, shifted(minute, day)) for day in days
            }
            for name, count in (("day", 1), ("days", 10)):
                if chosen.only in (None, name):
                    files = dict(list(minutes.items())[:count])
                    cases = minute_cases(files, seed=count == 1)
                    times = measure(cases, chosen.rounds, root / name)
                    show(f"stocks_minute, {name}", times, len(minute) * count)
            sizes(minutes[FIRST], root, len(minute))
        if chosen.only in (None, "small"):
            rows = day_bars(bars(1_000, FIRST), Session(FIRST, 720))
            dates = [FIRST + timedelta(days=ahead) for ahead in range(small)]
            files = {day: publish(root / "daily", DAILY, day, shifted(rows, day)) for day in dates}
            cases = {
                "ours": ours(DAILY, files),
                "ours: the whole stage": whole_ingest(DAILY, root / "daily"),
                "polars scan → sink": each(files, polars_scan.convert),
            }
            times = measure(cases, chosen.rounds, root / "small")
            show("stocks_daily, small files", times, len(rows) * small)
    print(f"\npeak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def sizes(source: Path, root: Path, rows: int) -> None:
    """How large bronze is beside its csv.gz, with the row groups of the modes."""
    packed = source.stat().st_size
    print(f"\ncsv.gz {packed / rows:.1f} bytes a row; bronze as a share of it:", end="")
    for groups in (65_536, 131_072, 262_144):
        layout = Layout(root / f"size-{groups}")
        limits = Limits(row_group_rows=groups)
        convert(source, layout, MINUTE, remote(MINUTE, FIRST, source), "etag", limits)
        share = layout.bronze(MINUTE, FIRST).stat().st_size / packed
        print(f" {share:.3f} (row groups of {groups:,})", end="")
    print()


def minute_cases(files: dict[date, Path], *, seed: bool) -> dict[str, Case]:
    """The cases over minute files; with `seed` also the slow peer and the floors."""
    cases = {"ours": ours(MINUTE, files), "polars scan → sink": each(files, polars_scan.convert)}
    if seed:
        cases["the seed's pandas loop"] = each(files, pandas_loop.convert)
        cases["floor: inflate"] = each(files, inflate)
        cases["floor: inflate + parse"] = each(files, parse)
    return cases


def shifted(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """The same bars on another day, at the same time in New York."""
    first, other = (Session(each, 720).starts(hour=0) for each in (FIRST, day))
    return rows.with_columns(pl.col("window_start") + other - first)


if __name__ == "__main__":
    main()
