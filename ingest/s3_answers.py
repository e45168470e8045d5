"""Judging what a bucket answers: its errors by remedy, its content by length and MD5."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ingest.source import RemoteFile
from lake.errors import (
    NotEntitled,
    NotPublished,
    QuantminiError,
    SourceUnavailable,
    UsageError,
)

# An ETag of another form belongs to an object uploaded in parts, and says nothing we can check.
MD5 = re.compile("[0-9a-f]{32}")
WRONG_SETTING = {
    "InvalidAccessKeyId": "check POLYGON_S3_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check POLYGON_S3_SECRET_ACCESS_KEY",
    "RequestTimeTooSkewed": "set the machine's clock",
    "NoSuchBucket": "check source.bucket",
}


def by_remedy(error: ClientError | BotoCoreError, what: str, endpoint: str) -> QuantminiError:
    """Our error for one of boto3's. The text is ours: theirs may quote the request."""
    if isinstance(error, BotoCoreError):
        return SourceUnavailable(f"{what}: {type(error).__name__} at {endpoint}; run again later")
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in WRONG_SETTING:
        return UsageError(f"{endpoint} answered {code}: {WRONG_SETTING[code]}")
    if status == 403:
        return NotEntitled(f"{what}: the plan does not cover it ({code})")
    if status == 404:
        return NotPublished(f"{what}: not published yet")
    if status == 412:
        return SourceUnavailable(f"{what}: replaced since it was listed; run again")
    return SourceUnavailable(f"{what}: {endpoint} answered {status} {code}; run again")


def arrived(path: Path, remote: RemoteFile) -> bool:
    """Whether a landed file is this very object: a finished download bears its time."""
    return path.exists() and path.stat().st_mtime_ns == remote.mtime_ns and intact(path, remote)


def intact(path: Path, remote: RemoteFile) -> bool:
    """Length, and content where the ETag is an MD5."""
    if path.stat().st_size != remote.size:
        return False
    if not remote.etag or not MD5.fullmatch(remote.etag):
        return True
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == remote.etag
