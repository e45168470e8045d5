"""What `quantmini maintain` keeps, and for how long."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lake.settings.base import Section


class Maintenance(Section):
    """What `quantmini maintain` keeps, and for how long."""

    keep_snapshots_days: int = Field(default=7, ge=0)
    """Days that an old state of silver can still be read (`AT (VERSION => …)`), and that a query
    that began then may take. What is published and what gold was made from stays however old it
    is."""
    keep_backups: int = Field(default=7, ge=1)
    """Backups of the catalog that are kept, in `metadata/backups`; actions that write make one."""
    landing: Literal["keep", "archive", "drop"] = "keep"
    """What `archive` does with the vendor's files of old days, whose rows are in bronze: `archive`
    moves them to `archive/historical`, which may be a slower disk; `drop` deletes them."""
    landing_days: int = Field(default=365, ge=1)
    """Days after which a day is old enough for that."""
    expired_options_months: int | None = Field(default=None, ge=1)
    """Months after which `archive` moves expired contracts out of silver, into
    `archive/expired_options`; without it they stay. Not for a lake that several machines share."""
