"""The vendor's bucket, or any S3 server: verified downloads that resume where they broke."""

from __future__ import annotations

import builtins
import hashlib
import logging
import os
import re
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ingest.source import BLOCK, RemoteFile, key_day
from lake.datasets import Dataset
from lake.errors import (
    CorruptFile,
    NotEntitled,
    NotPublished,
    QuantminiError,
    SourceUnavailable,
    UsageError,
)

log = logging.getLogger(__name__)

# An ETag of another form belongs to an object uploaded in parts, and says nothing we can check.
MD5 = re.compile("[0-9a-f]{32}")
ATTEMPTS = 5
WRONG_SETTING = {
    "InvalidAccessKeyId": "check POLYGON_S3_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check POLYGON_S3_SECRET_ACCESS_KEY",
    "RequestTimeTooSkewed": "set the machine's clock",
    "NoSuchBucket": "check source.bucket",
}


class S3Source:
    """Flat files in an S3 bucket. One object serves all threads. Its repr shows no secret."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        key: str,
        secret: str,
        *,
        connections: int = 16,
        pause: float = 0.5,
        read_timeout: float = 60,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            endpoint: URL of the server.
            bucket: its bucket.
            key: access key id.
            secret: secret access key.
            connections: size of the connection pool; as many as threads fetch.
            pause: seconds before the first retry of a broken answer; doubles each time.
            read_timeout: seconds without a byte after which an answer counts as broken.

        Raises:
            UsageError: the endpoint is no URL.
        """
        self.endpoint, self.bucket, self.pause = endpoint, bucket, pause
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
            connect_timeout=10,
            read_timeout=read_timeout,
            max_pool_connections=connections,
            response_checksum_validation="when_required",
        )
        try:
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=config,
            )
        except ValueError:
            raise UsageError(f"source.s3_endpoint {endpoint!r} is not a URL") from None

    def __repr__(self) -> str:
        return f"S3Source({self.endpoint}, {self.bucket})"

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        """See `Source.list`. A request for each 1000 keys."""
        items = self._items(f"{dataset.prefix}/")
        return sorted(
            (
                RemoteFile(
                    item["Key"],
                    day,
                    item["Size"],
                    item["ETag"].strip('"'),
                    int(item["LastModified"].timestamp()) * 10**9,
                )
                for item in items
                if (day := key_day(dataset, item["Key"])) is not None
            ),
            key=lambda file: file.day,
        )

    def _items(self, prefix: str) -> builtins.list[Any]:
        """What lies below a prefix. boto3 retries errors; an answer that is no XML is ours."""
        for attempt in range(ATTEMPTS):
            self._wait(attempt)
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            try:
                return [item for page in pages for item in page.get("Contents", [])]
            except (ClientError, BotoCoreError) as error:
                raise self._by_remedy(error, prefix) from None
            except ResponseParserError:
                log.warning("%s: the listing is damaged", prefix)
        raise SourceUnavailable(f"{prefix}: {self.endpoint} sent damaged listings; run again later")

    def _wait(self, attempt: int) -> None:
        """Nothing before the first attempt, then twice as long each time."""
        if attempt:
            time.sleep(self.pause * 2 ** (attempt - 1))

    def fetch(self, remote: RemoteFile, destination: Path) -> str:
        """See `Source.fetch`. What an earlier attempt or run left is used, after the same check."""
        etag = remote.etag or ""
        if _arrived(destination, remote):
            return etag
        destination.parent.mkdir(parents=True, exist_ok=True)
        version = re.sub(r"\W", "", etag)
        part = destination.with_name(f".{destination.name}.{version}.part")
        for stale in destination.parent.glob(f".{destination.name}.*.part"):
            if stale != part:
                stale.unlink(missing_ok=True)
        failure: QuantminiError = SourceUnavailable(f"{remote.key}: not fetched")
        for attempt in range(ATTEMPTS):
            if attempt:
                log.warning("%s; attempt %d of %d", failure, attempt + 1, ATTEMPTS)
            self._wait(attempt)
            try:
                self._continue(remote, part)
            except BotoCoreError as error:
                failure = self._by_remedy(error, remote.key)
                continue
            if _intact(part, remote):
                os.utime(part, ns=(remote.mtime_ns, remote.mtime_ns))
                part.replace(destination)
                return etag
            part.unlink()
            failure = CorruptFile(f"{remote.key}: the content that came is not what was listed")
        raise failure

    def _continue(self, remote: RemoteFile, part: Path) -> None:
        """Append what is missing to a partial file and put it on disk."""
        done = part.stat().st_size if part.exists() else 0
        wanted: dict[str, Any] = {"Range": f"bytes={done}-"} if done else {}
        if 0 < done == remote.size:
            return
        try:
            answer = self._client.get_object(
                Bucket=self.bucket, Key=remote.key, IfMatch=f'"{remote.etag}"', **wanted
            )
        except (ClientError, BotoCoreError) as error:
            # The client has retried this one; only a body that breaks off is left to us.
            raise self._by_remedy(error, remote.key) from None
        # Some servers send a range with status 200, so the header tells whether this is one.
        resumed = answer.get("ContentRange", "").startswith(f"bytes {done}-")
        with part.open("ab" if resumed else "wb") as target:
            for block in answer["Body"].iter_chunks(BLOCK):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())

    def _by_remedy(self, error: ClientError | BotoCoreError, what: str) -> QuantminiError:
        """Our error for one of boto3's. The text is ours: theirs may quote the request."""
        if isinstance(error, BotoCoreError):
            return SourceUnavailable(
                f"{what}: {type(error).__name__} at {self.endpoint}; run again later"
            )
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in WRONG_SETTING:
            return UsageError(f"{self.endpoint} answered {code}: {WRONG_SETTING[code]}")
        if status == 403:
            return NotEntitled(f"{what}: the plan does not cover it ({code})")
        if status == 404:
            return NotPublished(f"{what}: not published yet")
        if status == 412:
            return SourceUnavailable(f"{what}: replaced since it was listed; run again")
        return SourceUnavailable(f"{what}: {self.endpoint} answered {status} {code}; run again")


def _arrived(path: Path, remote: RemoteFile) -> bool:
    """Whether a landed file is this very object: a finished download bears its time."""
    return path.exists() and path.stat().st_mtime_ns == remote.mtime_ns and _intact(path, remote)


def _intact(path: Path, remote: RemoteFile) -> bool:
    """Length, and content where the ETag is an MD5."""
    if path.stat().st_size != remote.size:
        return False
    if not remote.etag or not MD5.fullmatch(remote.etag):
        return True
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == remote.etag
