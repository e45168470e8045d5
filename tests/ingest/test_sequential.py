"""Hints go to the platform that has them, and nowhere else."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from pathlib import Path

import pytest

from ingest.sequential import read_once


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the system was asked for."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda fd, *rest: calls.append(rest), raising=False)
    monkeypatch.setattr(os, "POSIX_FADV_SEQUENTIAL", 2, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, *rest: calls.append(rest))
    return calls


@pytest.mark.parametrize(
    ("platform", "calls"),
    [
        ("linux", [(0, 0, 2)]),
        ("darwin", [(44, struct.pack("=qi", 0, 5)), (48, 1)]),
        ("freebsd14", []),
    ],
)
def test_hints(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[tuple[object, ...]],
    platform: str,
    calls: list[tuple[object, ...]],
) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    monkeypatch.setattr(sys, "platform", platform)
    with (tmp_path / "file").open("rb") as file:
        read_once(file)
    assert asked == calls


def test_it_really_works_here(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    with (tmp_path / "file").open("rb") as file:
        read_once(file)
        assert file.read() == b"12345"
