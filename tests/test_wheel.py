"""The wheel holds all that the command line needs: it works away from a checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ingest.sample_market import write_sample_market
from lake.settings import PROJECT


@pytest.mark.slow
def test_the_wheel_runs_by_itself(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the PATH")
    # As a release does: the wheel out of the source archive.
    subprocess.run([uv, "build", "-q", "--out-dir", str(tmp_path), PROJECT], check=True)
    [wheel] = tmp_path.glob("*.whl")
    unpacked, here = tmp_path / "unpacked", tmp_path / "a folder"
    zipfile.ZipFile(wheel).extractall(unpacked)
    here.mkdir()
    write_sample_market(tmp_path / "market", sessions=2, symbols=2, strikes=1)
    call = "import flows.cli; flows.cli.main()"
    words = ["run", "stocks_daily", "--source", str(tmp_path / "market"), "--json"]
    # What dbt has parsed of the checkout would hide what the wheel lacks.
    own = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    process = subprocess.run(
        [sys.executable, "-c", call, *words],
        env=own | {"PYTHONPATH": str(unpacked)},
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["gate"]["verdicts"] == {"stocks_daily": "passed"}
    assert (here / "quantmini-lake/metadata/published.json").exists()
    assert (here / "quantmini-lake/gold/qlib/stocks_daily/features").is_dir()
