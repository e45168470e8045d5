"""A file's content reaches the disk before its name does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lake.files import read_json, write_json


def test_synced_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fsync = tmp_path / "state.json", os.fsync
    write_json(path, "old")
    synced: list[tuple[int, object]] = []

    def seen(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, read_json(path)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    write_json(path, "new")
    assert synced == [(path.stat().st_ino, "old")]
    assert read_json(path) == "new"
