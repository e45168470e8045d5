"""What every command does: one line where it fails, also for a machine, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import cli
from tests.conftest import quantmini


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = quantmini(tmp_path / "file/lake", "ingest", "--source", str(tmp_path), "--json")
    assert process.returncode == 1
    assert process.stderr.startswith(f"quantmini: {tmp_path / 'file'}")
    assert "QUANTMINI_LAKE" in process.stderr and "Traceback" not in process.stderr
    [failure] = json.loads(process.stdout)["failed"]
    assert f"quantmini: {failure['error']}\n" == process.stderr


def test_a_profile_is_shown_where_it_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(cli, "CONFIG", tmp_path / "file")
    monkeypatch.setenv("QUANTMINI_LAKE", str(tmp_path / "lake"))
    cli.profile(as_json=True)
    assert json.loads(capsys.readouterr().out)


def test_requests_are_not_shown_with_the_id_of_a_key(tmp_path: Path) -> None:
    process = quantmini(
        tmp_path,
        "ingest",
        "stocks_daily",
        POLYGON_S3_ACCESS_KEY_ID="an-id-that-is-secret",
        POLYGON_S3_SECRET_ACCESS_KEY="a-secret-of-some-length",
        QUANTMINI_SOURCE__S3_ENDPOINT="http://127.0.0.1:1",
        QUANTMINI_SOURCE__MAX_RETRIES="0",
        QUANTMINI_LOG_LEVEL="DEBUG",
    )
    assert process.returncode == 1
    said = process.stdout + process.stderr
    assert "DEBUG" in said
    assert "an-id-that-is-secret" not in said
