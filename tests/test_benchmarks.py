"""Benchmarks run, small, and make a page; what it says of speed is nobody's business here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS
from lake.settings import PROJECT


@pytest.mark.slow(200)
def test_parts_run_and_make_a_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--out", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    for name in PARTS:
        part = json.loads((tmp_path / f"results/{name}.json").read_text(encoding="utf-8"))
        for section in part["sections"]:
            assert f"## {section['title']}" in page
            assert {len(row) for row in section["rows"]} == {len(section["columns"])}
    assert "</svg>" in (tmp_path / "results.svg").read_text(encoding="utf-8")
