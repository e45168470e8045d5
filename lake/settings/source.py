"""Where the flat files and the reference data come from."""

from __future__ import annotations

from pydantic import Field

from lake.settings.base import Section


class Source(Section):
    """Where the flat files and the reference data come from."""

    s3_endpoint: str = "https://files.polygon.io"
    """URL of the S3 server; also served as https://files.massive.com."""
    bucket: str = "flatfiles"
    """The bucket of the flat files."""
    api_base: str = "https://api.polygon.io"
    """URL of the REST API; also served as https://api.massive.com."""
    api_calls_per_minute: int | None = Field(default=None, ge=1)
    """What the plan allows, 5 on the free one; calls are not spaced where it is not set."""
    max_retries: int = Field(default=5, ge=0)
    """Times that a request which failed is tried again, with S3 and with the API."""
    retry_delay_seconds: float = Field(default=1.0, ge=0)
    """Before the first retry; doubles with each. A server that asks for another wait gets it."""
