"""A Qlib store on disk: version folders, the switch between them, and their clean-up.

`gold/qlib/<store>` is a link to `gold/qlib/.versions/<store>/<number>`. An export brings another
folder to the new state and then replaces the link in one rename, so a store is entirely old or
entirely new. `qlib.init` resolves the link, so a reader keeps the version it opened; nothing
touches that one until the next export begins (docs/decisions/002-gold-appends.md).

A folder is complete while it has its state file: that is written last and removed first.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from gold_export.job import question
from gold_export.options import STORES
from gold_export.store_files import sync
from lake.errors import UsageError
from lake.files import replacing
from lake.layout import Layout

STATE = "export.json"


def current(layout: Layout, store: str) -> Path | None:
    """The version folder that the store's link names, None before the first export.

    Raises:
        UsageError: something else than our link is at the store's path.
    """
    gold = layout.gold(store)
    if not gold.is_symlink():
        if gold.exists():
            raise UsageError(f"{gold} is not an exported store; move it away and export again")
        return None
    folder = Path(os.path.normpath(gold.parent / gold.readlink()))
    return folder if folder.is_dir() else None


def read_state(folder: Path | None) -> dict[str, Any]:
    """What a version was made from; empty if there is no version or its state is unreadable."""
    try:
        state = json.loads((folder / STATE).read_text("utf-8")) if folder else {}
        return state if isinstance(state, dict) else {}
    except (FileNotFoundError, ValueError):
        return {}


def shown(layout: Layout, store: str) -> dict[str, int]:
    """Table → the snapshot that the store shows: its data sets, and what adjusts and lists them."""
    snapshots: dict[str, int] = (
        read_state(current(layout, store)).get("made_from", {}).get("snapshots", {})
    )
    return snapshots


def sources(layout: Layout, store: str) -> dict[str, int]:
    """Data set → the snapshot that the store shows, from which its next update starts."""
    return {n: snapshot for n, snapshot in shown(layout, store).items() if n in STORES[store]}


def complete(layout: Layout, store: str) -> list[Path]:
    """The complete versions; first those that no reader should have open, newest first."""
    found = [path for path in _folders(layout, store) if (path / STATE).is_file()]
    now = current(layout, store)
    return sorted(found, key=lambda path: (path != now, path.name), reverse=True)


def create(layout: Layout, store: str) -> Path:
    """Make the folder of the next version, with the folders of a Qlib store and of our own."""
    newest = max((int(path.name) for path in _folders(layout, store)), default=0)
    folder = layout.gold_versions(store) / f"{newest + 1:06}"
    for name in ("calendars", "instruments", "features", "places"):
        (folder / name).mkdir(parents=True)
    return folder


def switch(layout: Layout, store: str, folder: Path) -> None:
    """Make `folder` the store, in one rename; keep the version before it and drop all others.

    The link is relative, so a moved lake still finds its gold.
    """
    before = current(layout, store)
    gold = layout.gold(store)
    link = layout.gold_versions(store) / "next"
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(folder, gold.parent))
    link.replace(gold)
    for path in _folders(layout, store):
        if path not in (folder, before):
            discard(path)


def discard(folder: Path) -> None:
    """Remove a version, its state first, so that half a removal is no version."""
    (folder / STATE).unlink(missing_ok=True)
    shutil.rmtree(folder)


def discard_unfinished(layout: Layout, store: str) -> None:
    """Remove what killed exports left."""
    for path in _folders(layout, store):
        if not (path / STATE).is_file() and path != current(layout, store):
            discard(path)


def prepare(layout: Layout, store: str) -> None:
    """Make sure that the next export finds a version to update that no reader has open.

    Only the first export after a full one, or after a crash, has to copy; see `copy`.
    """
    state = read_state(current(layout, store))
    spares = [read_state(path) for path in complete(layout, store)[:-1]]
    if state and not any(_basis(spare) == _basis(state) for spare in spares):
        copy(layout, store)


def copy(layout: Layout, store: str) -> Path:
    """Copy the current version into a new folder. No links: the copy is for changing in place."""
    source = layout.gold(store).resolve()
    state = (source / STATE).read_text("utf-8")
    target = create(layout, store)
    for folder, _, files in os.walk(source):
        part = f"{target}{folder[len(str(source)) :]}"
        Path(part).mkdir(exist_ok=True)
        for name in files:
            if name != STATE:
                _copy_file(f"{folder}/{name}", f"{part}/{name}")
    sync(target)
    with replacing(target / STATE) as temporary:
        temporary.write_text(state, encoding="utf-8")
    return target


def _copy_file(source: str, target: str) -> None:
    """Straight system calls, as in store_files.write_file; shutil takes three times as long."""
    reading = os.open(source, os.O_RDONLY)
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        size = os.fstat(reading).st_size
        if os.write(writing, os.read(reading, size)) != size:
            raise OSError(f"{target}: short write, is the disk full?")
    finally:
        os.close(reading)
        os.close(writing)


def _basis(state: dict[str, Any]) -> dict[str, Any]:
    """What two versions have in common when one can be updated to the other."""
    return {"question": question(state)} | {key: state.get(key) for key in ("tables", "fields")}


def _folders(layout: Layout, store: str) -> list[Path]:
    versions = layout.gold_versions(store)
    return [path for path in versions.glob("[0-9]*") if path.name.isdigit() and path.is_dir()]
