"""What the platform says about disk and cores, with the platform faked."""

import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest

from lake import hardware, profile, usable
from lake.hardware import disk_type, performance_cores


@pytest.mark.parametrize(
    ("place", "flag", "kind"),
    [("queue", "0", "SSD"), ("queue", "1", "HDD"), ("../queue", "0", "SSD"), (None, "", "unknown")],
)
def test_disk_on_linux(monkeypatch, tmp_path, place, flag, kind):
    device = tmp_path.stat().st_dev
    entry = tmp_path / "block/disk" / f"{os.major(device)}:{os.minor(device)}"
    entry.mkdir(parents=True)
    if place:
        (entry / place).mkdir()
        (entry / place / "rotational").write_text(f"{flag}\n")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(hardware, "DEVICES", entry.parent)
    assert disk_type(tmp_path) == kind


def faked(monkeypatch, answers):
    """Pretend to be macOS, whose commands print these bytes; others are missing."""

    def run(words, **_):
        if words[0] not in answers:
            raise FileNotFoundError(words[0])
        return subprocess.CompletedProcess(words, 0, stdout=answers[words[0]])

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (plistlib.dumps({"SolidState": True}), "SSD"),
        (plistlib.dumps({"SolidState": False}), "HDD"),
        (plistlib.dumps({}), "unknown"),
        (b"no list", "unknown"),
    ],
)
def test_disk_on_a_mac(monkeypatch, tmp_path, answer, kind):
    faked(monkeypatch, {"/usr/sbin/diskutil": answer})
    assert disk_type(tmp_path) == kind


def test_other_platforms_say_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert disk_type(tmp_path) == "unknown"
    assert performance_cores() is None


def test_apples_performance_cores_are_the_threads(monkeypatch):
    faked(monkeypatch, {"/usr/sbin/sysctl": b"6\n"})
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(usable, "_values", lambda *_: [])
    assert performance_cores() == 6
    assert usable.usable_cpus() == 6
    faked(monkeypatch, {})
    assert performance_cores() is None
    assert usable.usable_cpus() == os.cpu_count()


def test_the_profile_tells_both():
    document = profile.detect(profile.limits("streaming"), Path.cwd())
    assert document["storage"]["disk_type"] in ("SSD", "HDD", "unknown")
    assert "performance_cores" in document["hardware"]
