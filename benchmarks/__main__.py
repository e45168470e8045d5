"""Every benchmark: `python -m benchmarks [--quick] [--only NAME …]`.

It generates its data, runs the project and its peers in turn on this machine, and writes
`RESULTS.md` and `results.svg`; `--quick` runs everything small and leaves those two alone.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.results import Section, chart
from lake.usable import usable_cpus, usable_memory

HERE = Path(__file__).parent
PARTS = ("ingest", "silver", "gold", "query", "storage", "modes", "scale", "projection")
PACKAGES = ("duckdb", "dbt-duckdb", "polars", "pyarrow", "pandas", "pyqlib")


def main() -> None:
    """Run the parts one after the other and write what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, one round")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, help="folder of the results; benchmarks/ by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quantmini-bench-") as folder:
        out = asked.out or (Path(folder) if asked.quick else HERE)
        found: list[Section] = []
        for name in asked.only:
            print(f"{name} …", file=sys.stderr, flush=True)
            began = time.perf_counter()
            part = import_module(f"benchmarks.{name}")
            (Path(folder) / name).mkdir()
            found += part.sections(Path(folder) / name, asked.quick)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        words = sys.argv[1:]
        text = "\n".join([*head(words), *(section.markdown() for section in found)])
        out.mkdir(parents=True, exist_ok=True)
        (out / "RESULTS.md").write_text(text, encoding="utf-8")
        chart(found, out / "results.svg")
        print(text)


def head(words: list[str]) -> list[str]:
    """By which command, when, on what, with which versions; how to read a ratio."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        "# Results",
        "",
        f"`{' '.join(['python -m benchmarks', *words])}` on {datetime.now(UTC):%Y-%m-%d}: "
        f"{usable_cpus()} processors ({platform.machine()}), {usable_memory() / 2**30:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}; {versions}.",
        "",
        "All cases of a table run in turn, each in a process of its own, so that a ratio compares "
        "neighbours in time: theirs ÷ ours, above 1 ours is faster, as median (smallest-largest).",
        "",
        "![Ratios](results.svg)",
        "",
    ]


if __name__ == "__main__":
    main()
