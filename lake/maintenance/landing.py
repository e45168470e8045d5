"""The vendor's files once they are old: put away or dropped, since bronze has their rows."""

from __future__ import annotations

import errno
import shutil
from datetime import date
from pathlib import Path

from lake.datasets import DATASETS
from lake.files import replacing
from lake.layout import Layout


def put_away(layout: Layout, before: date, *, drop: bool) -> tuple[int, int]:
    """Move the files of days before a date to `archive/historical`, or delete them.

    A file whose day is not in bronze stays where it is.

    Returns:
        Files and bytes.
    """
    count = size = 0
    for dataset in DATASETS.values():
        for day in layout.bronze_files(dataset):
            path = layout.landing(dataset, day)
            if day >= before or not path.exists():
                continue
            count, size = count + 1, size + path.stat().st_size
            if drop:
                path.unlink()
            else:
                _move(path, layout.historical(dataset, day))
    return count, size


def _move(path: Path, target: Path) -> None:
    """Rename, or copy where the archive is another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as temporary:
            shutil.copy2(path, temporary)
        path.unlink()
