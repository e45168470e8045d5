"""Backups of the catalog: without it silver's files are only files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from lake.files import sync
from lake.layout import Layout

STAMP = "%Y%m%dT%H%M%S.%fZ"


def back_up(layout: Layout, before: str, keep: int) -> Path | None:
    """Copy the catalog and what it has published into a folder of their own.

    No DuckDB of this process may have the lake open: two SQLite libraries in one process drop each
    other's locks.

    Args:
        layout: the lake.
        before: the action that follows; part of the folder's name.
        keep: how many backups stay, this one included.

    Returns:
        The folder; None where the lake has no catalog yet.
    """
    if not layout.catalog.exists():
        return None
    folder = layout.backups / f"{datetime.now(UTC).strftime(STAMP)}-before-{before}"
    draft = layout.backups / ".draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _copy(layout.catalog, draft / layout.catalog.name)
        for path in (layout.published, layout.transformed):
            if path.exists():
                shutil.copy2(path, draft / path.name)
        for path in draft.iterdir():
            sync(path)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for older in backups(layout)[:-keep]:
        shutil.rmtree(older)
    return folder


def is_sound(layout: Layout) -> bool:
    """Whether the catalog, where there is one, is a whole SQLite database, and DuckLake's."""
    if not layout.catalog.exists():
        return True
    try:
        with closing(_reading(layout.catalog)) as source:
            whole = source.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
            # An empty file is a whole database, too.
            tables = "SELECT count(*) FROM sqlite_master WHERE name = 'ducklake_snapshot'"
            return whole and source.execute(tables).fetchall() == [(1,)]
    except sqlite3.OperationalError:
        # Locked, or no permission: says nothing of the content.
        raise
    except sqlite3.DatabaseError:
        return False


def set_aside(layout: Layout) -> Path | None:
    """Move a catalog that cannot be used, and what it had published, out of the way.

    Returns:
        The folder where they are now; None where there was nothing to move.
    """
    journals = [Path(f"{layout.catalog}{suffix}") for suffix in ("-wal", "-shm")]
    known = (layout.published, layout.transformed, layout.catalog, *journals)
    left = [path for path in known if path.exists()]
    if not left:
        return None
    folder = layout.backups / f"{datetime.now(UTC).strftime(STAMP)}-unusable"
    folder.mkdir(parents=True)
    for path in left:
        path.replace(folder / path.name)
    return folder


def backups(layout: Layout) -> list[Path]:
    """The backups that are kept, oldest first."""
    return sorted(layout.backups.glob("*-before-*"))


def oldest(layout: Layout) -> datetime:
    """When the oldest kept backup was made; now where there is none."""
    for folder in backups(layout):
        return datetime.strptime(folder.name.split("-")[0], STAMP).replace(tzinfo=UTC)
    return datetime.now(UTC)


def _copy(catalog: Path, target: Path) -> None:
    """SQLite's own online backup, which takes the write-ahead log along."""
    with (
        closing(_reading(catalog)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _reading(catalog: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)
