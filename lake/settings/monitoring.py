"""What a run watches while it works, and what it writes down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lake.settings.base import Section


class Monitoring(Section):
    """What a run watches while it works, and what it writes down."""

    memory_warning_percent: float = Field(default=75, gt=0, le=100)
    """Of the run's limit or of the machine: from here on the loader collects garbage and converts
    fewer files at once."""
    memory_critical_percent: float = Field(default=85, gt=0, le=100)
    """From here on the loader begins no file until there is room."""
    memory_pause_seconds: float = Field(default=60, ge=0)
    """The longest such pause; then the run stops."""
    memory_check_interval: float = Field(default=1.0, gt=0)
    """Seconds between two looks at the memory that a stage holds, for its record."""
    enable_profiling: bool = False
    """Profile every command that writes, as its option `--profile` does once."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """From which level on messages enter `logs/pipeline`; errors are in `logs/errors` as well. What
    stderr shows is the variable QUANTMINI_LOG_LEVEL's affair, by default WARNING."""
    log_days: int = Field(default=30, ge=1)
    """Days that logs are kept."""
