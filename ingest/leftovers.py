"""What a killed run left behind: temporary files and downloads that no one will continue."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from ingest.source import RemoteFile
from lake.datasets import Dataset
from lake.layout import Layout

# As lake.files.replacing names them; a file of another name is not ours to delete.
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")
# As ingest.s3 names a download: the file, and the version that it belongs to.
PART = re.compile(r"\.(?P<file>\d{4}-\d{2}-\d{2}\.csv\.gz)\.\w*\.part")
ANY_DAY = date(2000, 1, 3)


def sweep(layout: Layout, dataset: Dataset, wanted: list[RemoteFile]) -> None:
    """Delete leftovers of a data set; a download of a file that is still wanted is continued.

    Only for the holder of the lake's lock: it would take another run's files from under it.
    """
    landing = layout.landing(dataset, ANY_DAY).parents[2]
    quarantine = layout.quarantine(dataset, ANY_DAY).parent
    for folder in (landing, quarantine, layout.bronze_folder(dataset)):
        for path in folder.rglob(".*.tmp"):
            if TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)
    coming = {layout.landing(dataset, file.day) for file in wanted}
    for path in landing.rglob(".*.part"):
        if not _continued(path, coming):
            path.unlink(missing_ok=True)


def _continued(part: Path, coming: set[Path]) -> bool:
    match = PART.fullmatch(part.name)
    return match is None or part.with_name(match["file"]) in coming
