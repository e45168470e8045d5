"""Fixtures: a connection, a lake, and pyqlib as the judge."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from lake.layout import Layout

READER = Path(__file__).with_name("read_with_qlib.py")


@dataclass(frozen=True)
class Seen:
    """What pyqlib saw; features and expressions are indexed by (instrument, datetime)."""

    features: pd.DataFrame
    expressions: pd.DataFrame
    calendar: list[pd.Timestamp]
    instruments: dict[str, list[tuple[pd.Timestamp, pd.Timestamp]]]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lake")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    errors = tmp_path_factory.mktemp("reader") / "stderr"
    with (
        errors.open("w") as log,
        subprocess.Popen(
            [sys.executable, str(READER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def read(reader: subprocess.Popen[str], tmp_path: Path) -> Callable[..., Seen]:
    def run(uri: str | dict[str, str], freq: str, *, computing: bool = True, step: int = 1) -> Seen:
        out = tmp_path / "seen"
        out.mkdir(exist_ok=True)
        assert reader.stdin
        assert reader.stdout
        print(json.dumps([uri, freq, str(out), computing, step]), file=reader.stdin, flush=True)
        assert reader.stdout.readline() == "done\n", "pyqlib failed; see the reader's stderr file"
        seen: dict[str, Any] = json.loads((out / "seen.json").read_text())
        features, expressions = (
            pd.read_parquet(out / f"{name}.parquet").set_index(["instrument", "datetime"])
            for name in ("features", "expressions")
        )
        return Seen(
            features=features,
            expressions=expressions,
            calendar=[pd.Timestamp(text) for text in seen["calendar"]],
            instruments={
                name: [(pd.Timestamp(a), pd.Timestamp(b)) for a, b in spans]
                for name, spans in seen["instruments"].items()
            },
        )

    return run


def symbols(store: Path) -> dict[str, str]:
    """`symbols.csv` as any CSV reader gives it: ticker → instrument."""
    with (store / "symbols.csv").open(encoding="utf-8", newline="") as file:
        header, *pairs = csv.reader(file)
    assert header == ["symbol", "instrument"]
    assert len({name for _, name in pairs}) == len(pairs) == len({ticker for ticker, _ in pairs})
    return dict(pairs)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: relative path → bytes."""
    folder = folder.resolve()
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
