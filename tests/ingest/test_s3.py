"""Flat files over S3, from a real server."""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody

from ingest.loader import ingest
from ingest.s3 import S3Source
from ingest.source import RemoteFile, Source
from lake.datasets import Dataset, pick
from lake.errors import NotPublished, SourceUnavailable, UsageError
from tests.ingest.conftest import DAY, KEY, SECRET, Bucket, Server, bar, packed
from tests.ingest.fault_proxy import faulty


def connect(server: Server, bucket: Bucket, key: str = KEY, secret: str = SECRET) -> S3Source:
    return S3Source(server.endpoint, bucket.path.name, key, secret, pause=0.01)


def listed(source: Source, dataset: Dataset) -> RemoteFile:
    [file] = source.list(dataset)
    return file


def test_listing(s3_server: Server, remote_bucket: Bucket, minutes: Dataset) -> None:
    content = packed(bar())
    remote_bucket.put(content)
    (remote_bucket.path / minutes.prefix / "README").write_text("ignored")
    file = listed(connect(s3_server, remote_bucket), minutes)
    assert (file.key, file.day, file.size) == (minutes.object_key(DAY), DAY, len(content))
    assert file.etag == hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("answer", ["html", "nameless"])
def test_what_is_no_listing_is_no_empty_bucket(
    s3_server: Server, remote_bucket: Bucket, minutes: Dataset, answer: str
) -> None:
    remote_bucket.put(packed(bar()))
    with faulty(s3_server.endpoint, 1, (answer,), only="list-type") as proxy:
        source = S3Source(proxy.endpoint, remote_bucket.path.name, KEY, SECRET, retries=1, pause=0)
        with pytest.raises(SourceUnavailable, match="damaged listings; run again later"):
            source.list(minutes)


def test_ingest_restated_and_idle(s3_server: Server, remote_bucket: Bucket) -> None:
    source = connect(s3_server, remote_bucket)
    remote_bucket.put(packed(bar("A")))
    remote_bucket.put(packed(bar("A")), name="stocks_daily")
    report = ingest(remote_bucket.layout, source, pick(None))
    assert len(report.ingested) == 2
    assert len(ingest(remote_bucket.layout, source, pick(None)).skipped) == 2
    remote_bucket.put(packed(bar("A"), bar("B")))
    assert [item.rows for item in ingest(remote_bucket.layout, source, pick(None)).ingested] == [2]


def test_landed_file_is_not_fetched_twice(
    s3_server: Server, remote_bucket: Bucket, minutes: Dataset, tmp_path: Path
) -> None:
    original = remote_bucket.put(packed(bar()))
    source = connect(s3_server, remote_bucket)
    file = listed(source, minutes)
    source.fetch(file, tmp_path / "landed")
    original.unlink()
    assert source.fetch(file, tmp_path / "landed") == file.etag
    (tmp_path / "landed").write_bytes(b"x" * file.size)
    with pytest.raises(NotPublished):
        source.fetch(file, tmp_path / "landed")


@pytest.mark.parametrize("done", [10, 60, None])
def test_download_resumes(
    s3_server: Server,
    remote_bucket: Bucket,
    minutes: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    done: int | None,
) -> None:
    content = packed(bar())
    remote_bucket.put(content)
    source = connect(s3_server, remote_bucket)
    file = listed(source, minutes)
    (tmp_path / f".landed.{file.etag}.part").write_bytes(content[:done])
    (tmp_path / ".landed.older.part").write_bytes(b"of another version")
    ranges: list[str | None] = []
    real = source._client.get_object

    def counting(**wanted: Any) -> Any:
        ranges.append(wanted.get("Range"))
        return real(**wanted)

    monkeypatch.setattr(source._client, "get_object", counting)
    source.fetch(file, tmp_path / "landed")
    assert (tmp_path / "landed").read_bytes() == content
    assert list(tmp_path.glob(".*")) == []
    assert ranges == ([] if done is None else [f"bytes={done}-"])


@pytest.mark.parametrize("more", [False, True])
def test_damaged_part_is_fetched_whole(
    s3_server: Server, remote_bucket: Bucket, minutes: Dataset, tmp_path: Path, more: bool
) -> None:
    content = packed(bar())
    remote_bucket.put(content)
    source = connect(s3_server, remote_bucket)
    file = listed(source, minutes)
    part = content + b"x" if more else b"x" * 30
    (tmp_path / f".landed.{file.etag}.part").write_bytes(part)
    source.fetch(file, tmp_path / "landed")
    assert (tmp_path / "landed").read_bytes() == content


def test_broken_bodies(
    s3_server: Server,
    remote_bucket: Bucket,
    minutes: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = packed(*(bar(f"S{i}") for i in range(50)))
    remote_bucket.put(content)
    source = connect(s3_server, remote_bucket)
    file = listed(source, minutes)
    real, breaks = StreamingBody.iter_chunks, iter([20, 30, 50])

    def breaking(self: StreamingBody, size: int) -> Iterator[bytes]:
        length = next(breaks, None)
        if length is None:
            yield from real(self, size)
        else:
            yield self.read(length)
            raise ReadTimeoutError(endpoint_url="http://somewhere")

    monkeypatch.setattr(StreamingBody, "iter_chunks", breaking)
    source.fetch(file, tmp_path / "landed")
    assert (tmp_path / "landed").read_bytes() == content


def test_content_that_is_not_what_was_listed(
    s3_server: Server, remote_bucket: Bucket, minutes: Dataset, tmp_path: Path
) -> None:
    remote_bucket.put(packed(bar()))
    source = connect(s3_server, remote_bucket)
    file = replace(listed(source, minutes), etag="0" * 32)
    with pytest.raises(SourceUnavailable, match=r"2024-06-10\.csv\.gz.*run again"):
        source.fetch(file, tmp_path / "landed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("retries", [0, 2])
def test_as_many_retries_as_are_allowed(
    s3_server: Server, remote_bucket: Bucket, minutes: Dataset, tmp_path: Path, retries: int
) -> None:
    remote_bucket.put(packed(bar()))
    bucket = remote_bucket.path.name
    source = S3Source(s3_server.endpoint, bucket, KEY, SECRET, retries=retries, pause=0)
    file = replace(listed(source, minutes), etag="0" * 32)
    tries: list[int] = []
    source._client.meta.events.register("before-send.s3.GetObject", lambda **_: tries.append(1))
    with pytest.raises(SourceUnavailable):
        source.fetch(file, tmp_path / "landed")
    assert len(tries) == retries + 1


def test_wrong_settings(s3_server: Server, remote_bucket: Bucket, minutes: Dataset) -> None:
    with pytest.raises(UsageError, match="POLYGON_S3_SECRET_ACCESS_KEY"):
        connect(s3_server, remote_bucket, secret="a-wrong-secret").list(minutes)
    with pytest.raises(UsageError, match="POLYGON_S3_ACCESS_KEY_ID"):
        connect(s3_server, remote_bucket, key="another-key").list(minutes)
    with pytest.raises(UsageError, match=r"source\.bucket"):
        S3Source(s3_server.endpoint, "absent", KEY, SECRET).list(minutes)
    with pytest.raises(UsageError, match="not a URL"):
        S3Source("nowhere", "absent", KEY, SECRET)


def test_no_server(minutes: Dataset) -> None:
    with pytest.raises(SourceUnavailable, match="EndpointConnectionError"):
        S3Source("http://127.0.0.1:9", "flatfiles", KEY, SECRET).list(minutes)


@pytest.mark.parametrize("kinds", [("500",), ("wrong",), ("truncated",)])
def test_no_secret_shows(
    s3_server: Server, remote_bucket: Bucket, caplog: pytest.LogCaptureFixture, kinds: tuple[str]
) -> None:
    """Not in a log at its most talkative, in an error, a repr, the report or a file of the lake."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "botocore")
    remote_bucket.put(packed(bar()))
    with faulty(s3_server.endpoint, 1, kinds, only=".csv.gz") as proxy:
        source = S3Source(proxy.endpoint, remote_bucket.path.name, KEY, SECRET, pause=0.001)
        failing = ingest(remote_bucket.layout, source, pick(None))
    assert failing.failed
    wrong = connect(s3_server, remote_bucket, secret="a-wrong-secret")
    with pytest.raises(UsageError) as caught:
        ingest(remote_bucket.layout, wrong, pick(None))
    shown = [repr(source), repr(wrong), repr(caught.value), caplog.text, str(failing.as_dict())]
    shown += ["".join(traceback.format_exception(caught.value))]
    assert "botocore" in caplog.text
    files = [path for path in remote_bucket.layout.root.rglob("*") if path.is_file()]
    for secret in (SECRET, "a-wrong-secret"):
        assert not any(secret in text for text in shown)
        assert not any(secret.encode() in path.read_bytes() for path in files)
