"""A Qlib store on disk: version folders, the switch between them, and their clean-up.

`gold/qlib/<store>` is a link to `gold/qlib/.versions/<store>/<number>`. An export fills a new
folder and then replaces the link in one rename, so a store is entirely old or entirely new.
`qlib.init` resolves the link, so a reader keeps the version it opened; that is why the previous
version stays until the next export.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from lake.errors import UsageError
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
    folder = gold.parent / gold.readlink()
    return folder if folder.is_dir() else None


def state(layout: Layout, store: str) -> dict[str, Any]:
    """What the current version was made from; empty if there is none or it is unreadable."""
    folder = current(layout, store)
    try:
        return json.loads((folder / STATE).read_text("utf-8")) if folder else {}
    except (FileNotFoundError, ValueError):
        return {}


def create(layout: Layout, store: str) -> Path:
    """Make the folder of the next version, with the three folders of a Qlib store."""
    versions = layout.gold_versions(store)
    versions.mkdir(parents=True, exist_ok=True)
    newest = max((int(path.name) for path in versions.iterdir() if path.name.isdigit()), default=0)
    folder = versions / f"{newest + 1:06}"
    for name in ("calendars", "instruments", "features"):
        (folder / name).mkdir(parents=True)
    return folder


def switch(layout: Layout, store: str, folder: Path) -> None:
    """Make `folder` the store, in one rename.

    The link is relative, so a moved lake still finds its gold.
    """
    gold = layout.gold(store)
    link = layout.gold_versions(store) / "next"
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(folder, gold.parent))
    link.replace(gold)


def prune(layout: Layout, store: str) -> None:
    """Remove all but the current version and the one before it: old ones, and killed exports.

    A version without its state file is what a killed export left.
    """
    versions = layout.gold_versions(store)
    if not versions.is_dir():
        return
    now = current(layout, store)
    complete = [path.name for path in versions.iterdir() if (path / STATE).is_file()]
    keep = sorted(name for name in complete if now and name <= now.name)[-2:]
    for path in versions.iterdir():
        if path.is_symlink():
            path.unlink()
        elif path.is_dir() and path.name not in keep:
            shutil.rmtree(path)
