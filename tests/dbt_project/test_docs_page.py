"""`dbt docs serve` after a build: every document that its page asks for is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from flows.dbt import DBT_PROJECT
from tests.conftest import Ran
from tests.processes import free_port, until


@pytest.mark.slow(10)
def test_lineage_is_served_without_another_command(ran: Ran, tmp_path: Path) -> None:
    port, target = free_port(), tmp_path / "target"
    shutil.copytree(ran.layout.dbt_target, target)
    dbt = str(Path(sys.executable).with_name("dbt"))
    own = {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(tmp_path)}
    server = subprocess.Popen(
        [dbt, "docs", "serve", "--no-browser", "--target", "local", "--port", str(port)],
        env=os.environ | own | {"QUANTMINI_LAKE": str(ran.layout.root)},
        cwd=DBT_PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )

    def page(name: str) -> bytes:
        try:
            with urlopen(f"http://127.0.0.1:{port}/{name}") as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            return b""

    try:
        assert b"<html" in until(lambda: page("index.html"), server)
        assert json.loads(page("catalog.json")).keys() >= {"metadata", "nodes", "sources"}
        assert "model.quantmini.stocks_daily" in json.loads(page("manifest.json"))["nodes"]
    finally:
        server.terminate()
        server.communicate()
