"""Whom to tell of failures."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from lake.settings.base import Section


def _listed(value: Any) -> Any:
    """A JSON list, or URLs with spaces between them, as an environment variable has them."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.lstrip().startswith("[") else value.split()


class Alerts(Section):
    """Whom to tell of failures, recoveries and stale data."""

    urls: Annotated[list[SecretStr], NoDecode, BeforeValidator(_listed)] = []
    """URLs of Apprise, for Slack, e-mail, PagerDuty and others. They hold tokens and passwords, so
    they stand in `credentials.yaml` or in QUANTMINI_ALERTS__URLS, with spaces between them."""
