"""The vendor's bucket, or any S3 server: verified downloads that resume where they broke."""

from __future__ import annotations

import builtins
import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ingest.s3_answers import arrived, by_remedy, intact
from ingest.source import BLOCK, RemoteFile, key_day
from lake.datasets import Dataset
from lake.errors import QuantminiError, SourceUnavailable, UsageError

log = logging.getLogger(__name__)


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
        retries: int = 4,
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
            retries: of a request that failed.
            pause: seconds before the first retry of a broken answer; doubles each time.
            read_timeout: seconds without a byte after which an answer counts as broken.

        Raises:
            UsageError: the endpoint is no URL.
        """
        self.endpoint, self.bucket, self.pause = endpoint, bucket, pause
        self.attempts = retries + 1
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "adaptive", "total_max_attempts": self.attempts},
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
        prefix = f"{dataset.prefix}/"
        # boto3 retries errors; an answer that is no listing is left to us.
        for attempt in range(self.attempts):
            self._wait(attempt)
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            try:
                files = [file for page in pages for file in _files(dataset, page)]
                return sorted(files, key=lambda file: file.day)
            except (ClientError, BotoCoreError) as error:
                raise by_remedy(error, prefix, self.endpoint) from None
            except (ResponseParserError, LookupError, ValueError, RecursionError):
                log.warning("%s: the listing is damaged", prefix)
        raise SourceUnavailable(f"{prefix}: {self.endpoint} sent damaged listings; run again later")

    def _wait(self, attempt: int) -> None:
        """Nothing before the first attempt, then twice as long each time."""
        if attempt:
            time.sleep(self.pause * 2 ** (attempt - 1))

    def fetch(self, remote: RemoteFile, destination: Path) -> str:
        """See `Source.fetch`. What an earlier attempt or run left is used, after the same check."""
        etag = remote.etag or ""
        if arrived(destination, remote):
            return etag
        destination.parent.mkdir(parents=True, exist_ok=True)
        version = re.sub(r"\W", "", etag)
        part = destination.with_name(f".{destination.name}.{version}.part")
        for stale in destination.parent.glob(f".{destination.name}.*.part"):
            if stale != part:
                stale.unlink(missing_ok=True)
        failure: QuantminiError = SourceUnavailable(f"{remote.key}: not fetched")
        for attempt in range(self.attempts):
            if attempt:
                log.warning("%s; attempt %d of %d", failure, attempt + 1, self.attempts)
            self._wait(attempt)
            try:
                self._continue(remote, part)
            except BotoCoreError as error:
                failure = by_remedy(error, remote.key, self.endpoint)
                continue
            if intact(part, remote):
                os.utime(part, ns=(remote.mtime_ns, remote.mtime_ns))
                part.replace(destination)
                return etag
            part.unlink()
            failure = SourceUnavailable(
                f"{remote.key}: the content that came is not what was listed; run again, it is "
                "fetched anew"
            )
        raise failure

    def _continue(self, remote: RemoteFile, part: Path) -> None:
        """Append what is missing to a partial file and put it on disk."""
        done = part.stat().st_size if part.exists() else 0
        if 0 < done == remote.size:
            return
        # One that is too long has no rest that a server could send.
        done = done if done < remote.size else 0
        wanted: dict[str, Any] = {"Range": f"bytes={done}-"} if done else {}
        try:
            answer = self._client.get_object(
                Bucket=self.bucket, Key=remote.key, IfMatch=f'"{remote.etag}"', **wanted
            )
        except (ClientError, BotoCoreError) as error:
            # The client has retried this one; only a body that breaks off is left to us.
            raise by_remedy(error, remote.key, self.endpoint) from None
        # Some servers send a range with status 200, so the header tells whether this is one.
        resumed = answer.get("ContentRange", "").startswith(f"bytes {done}-")
        with part.open("ab" if resumed else "wb") as target:
            for block in answer["Body"].iter_chunks(BLOCK):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())


def _files(dataset: Dataset, page: Mapping[str, Any]) -> builtins.list[RemoteFile]:
    """The data set's files on a page of a listing.

    Raises:
        LookupError: it is none. One without keys says so; one of a proxy that wants a password
            says nothing, and is not empty.
    """
    if not page.keys() & {"KeyCount", "Name", "Contents"}:
        raise LookupError("no listing")
    return [
        RemoteFile(
            item["Key"],
            day,
            item["Size"],
            item["ETag"].strip('"'),
            int(item["LastModified"].timestamp()) * 10**9,
        )
        for item in page.get("Contents", [])
        if (day := key_day(dataset, item["Key"])) is not None
    ]
