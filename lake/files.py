"""Writing files so that a crash leaves the old one or the new one."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lake.errors import UsageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success sync it and rename it over `path`.

    On an exception the temporary file is removed and `path` stays as it was. The temporary name
    starts with a dot and does not end in the target's suffix, so no glob over data files sees it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def named(path: str | os.PathLike[str]) -> Path:
    """A path as somebody writes it, who may begin it with `~`.

    Raises:
        UsageError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: no user of that name has a home here") from None


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON document; an absent file is an empty one."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def read_derived(path: Path) -> Any:
    """A document that is made anew where it is lost, so an unreadable one counts as empty."""
    try:
        return read_json(path)
    except ValueError:
        return {}


def append_line(path: Path, line: str) -> None:
    """Add a line to a file. It is one write, so lines of many processes never mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)
