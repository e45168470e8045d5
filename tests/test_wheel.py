"""The wheel holds all that the demo needs: it works away from a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lake.datasets import DATASETS
from lake.settings import PROJECT


@pytest.mark.slow(50)
def test_the_demo_runs_from_the_wheel(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the PATH")
    # As a release does: the wheel out of the source archive.
    subprocess.run([uv, "build", "-q", "--out-dir", str(tmp_path), PROJECT], check=True)
    [wheel] = tmp_path.glob("*.whl")
    unpacked, here = tmp_path / "unpacked", tmp_path / "a folder"
    zipfile.ZipFile(wheel).extractall(unpacked)
    here.mkdir()
    demo = python("import flows.cli; flows.cli.main()", "demo", path=unpacked, folder=here)
    gate = ", ".join(f"{name} passed" for name in DATASETS)
    assert f"gate: {gate}" in demo
    assert (here / "quantmini-demo/metadata/published.json").exists()
    # What it says at its end opens the result in Qlib.
    recipe = "\n".join(demo.splitlines()[-3:])
    answer = python(recipe, path=unpacked, folder=here)
    assert "QUAD" in answer and "Mean($volume, 5)" in answer


def python(code: str, *words: str, path: Path, folder: Path) -> str:
    """What Python prints that imports from a folder, in another one."""
    # What dbt has parsed of the checkout would hide what the wheel lacks.
    own = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    process = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=own | {"PYTHONPATH": str(path)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout
