"""Every benchmark: `python -m benchmarks [--quick] [--only NAME …]`.

It generates its data, runs the project and its peers in turn on this machine, and writes
`RESULTS.md` and `results.svg`; `--quick` runs everything small and leaves those two alone. Each
part keeps its figures in `results/`, so that one that is run alone replaces its own tables.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.results import Section, chart
from lake.usable import usable_cpus, usable_memory

HERE = Path(__file__).parent
PARTS = (
    *("ingest", "silver", "gold", "gold_scale", "query"),
    *("storage", "modes", "scale", "year", "projection"),
)
HEAD = [
    "# Results",
    "",
    "All cases of a table run in turn, each in a process of its own, so that a ratio compares "
    "neighbours in time: theirs ÷ ours, above 1 ours is faster, as median (smallest-largest). "
    "Below the tables of a part stands how it was run.",
    "",
    "![Ratios](results.svg)",
    "",
]
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
        for name in asked.only:
            print(f"{name} …", file=sys.stderr, flush=True)
            began = time.perf_counter()
            part = import_module(f"benchmarks.{name}")
            (Path(folder) / name).mkdir()
            sections = part.sections(Path(folder) / name, asked.quick)
            seconds = time.perf_counter() - began
            print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
            keep(out, name, ran(name, asked.quick, seconds), sections)
        print(publish(out))


def ran(name: str, quick: bool, seconds: float) -> str:
    """By which command, when, on what, with which versions."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"`python -m benchmarks{' --quick' * quick} --only {name}` on {datetime.now(UTC):%Y-%m-%d} "
        f"in {seconds:.0f} s: {usable_cpus()} processors ({platform.machine()}), "
        f"{usable_memory() / 2**30:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def keep(out: Path, name: str, how: str, sections: list[Section]) -> None:
    """Put away what one part measured."""
    (out / "results").mkdir(parents=True, exist_ok=True)
    document = {"ran": how, "sections": [asdict(section) for section in sections]}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (out / f"results/{name}.json").write_text(text + "\n", encoding="utf-8")


def publish(out: Path) -> str:
    """Write the page and the chart of all parts that were ever measured there; give the page."""
    lines, bars = list(HEAD), []
    for name in PARTS:
        path = out / f"results/{name}.json"
        if not path.exists():
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        sections = [Section(**section) for section in document["sections"]]
        lines += [section.markdown() for section in sections]
        lines += [document["ran"], ""]
        bars += sections
    text = "\n".join(lines)
    (out / "RESULTS.md").write_text(text, encoding="utf-8")
    chart(bars, out / "results.svg")
    return text


if __name__ == "__main__":
    main()
