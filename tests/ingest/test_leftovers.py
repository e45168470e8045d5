"""What a killed run left is deleted, and nothing else is."""

from __future__ import annotations

import uuid

from ingest.leftovers import sweep
from ingest.source import RemoteFile
from lake.datasets import Dataset
from tests.ingest.conftest import DAY, Bucket


def test_only_our_own_leftovers_go(bucket: Bucket, minutes: Dataset) -> None:
    layout = bucket.layout
    finals = [
        layout.bronze(minutes, DAY),
        layout.quarantine(minutes, DAY),
        layout.landing(minutes, DAY),
    ]
    ours = [path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp") for path in finals]
    foreign = [path.with_name(f".{path.name}.swp") for path in finals]
    foreign += [path.with_name(".notes.tmp") for path in finals]
    foreign += [layout.root / "gold" / ours[0].name]
    for path in (*finals, *ours, *foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    sweep(layout, minutes, [])
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in (*finals, *foreign))


def test_a_download_that_is_still_wanted_is_continued(bucket: Bucket, minutes: Dataset) -> None:
    landing = bucket.layout.landing(minutes, DAY)
    part = landing.with_name(f".{landing.name}.{'0' * 32}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x")
    sweep(bucket.layout, minutes, [RemoteFile(minutes.object_key(DAY), DAY, 1, "e", 1)])
    assert part.exists()
    sweep(bucket.layout, minutes, [])
    assert not part.exists()
