"""Answers to queries that are kept."""

from __future__ import annotations

from pydantic import Field

from lake.settings.base import Section


class Cache(Section):
    """Answers to queries that are kept, in the lake's `cache/queries`."""

    max_size_gb: float = Field(default=2, ge=0)
    """Those used longest ago are removed when they need more GiB; 0 keeps none."""
