"""What is exported to Qlib."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, field_validator

from lake.datasets import pick
from lake.settings.base import Section


def known_data_sets(by_data_set: dict[str, list[str]]) -> dict[str, list[str]]:
    """The same, if every key is a data set."""
    pick(list(by_data_set))
    return by_data_set


def _free_list_name(name: str) -> str:
    if not re.fullmatch(r"(?!(all|active|top\d+)$)[a-z][a-z0-9_]*", name):
        raise ValueError("a list is named in small letters, and not all, active or top<N>")
    return name


class Universe(Section):
    """Which instruments a Qlib store holds: a list, or the largest by dollar volume."""

    symbols: list[str] = []
    """These instruments; empty means no list."""
    top: int | None = Field(default=None, ge=1)
    """Where no `symbols` are listed, the so many largest by dollar volume; by default 500 stocks
    with minute bars and 5000 contracts."""


class Gold(Section):
    """What is exported to Qlib. Day bars of stocks are always exported whole."""

    stocks_minute: Universe = Universe()
    """The stocks with minute bars."""
    options: Universe = Universe()
    """The contracts, by day and by minute."""
    adjustment: Literal["none", "splits", "splits_and_dividends"] = "splits_and_dividends"
    """Of the day bars of stocks, by the factors of `reference sync`."""
    fields: Annotated[dict[str, list[str]], AfterValidator(known_data_sets)] = {}
    """Data set → its columns that become fields, such as `{stocks_daily: [close, volume, factor]}`;
    all numeric ones of a data set that is not named."""
    lists: list[PositiveInt] = [100]
    """For each N of these, `instruments/top<N>.txt` names the N largest by dollar volume."""
    types: dict[Annotated[str, AfterValidator(_free_list_name)], list[str]] = {
        "cs": ["CS"],
        "etf": ["ETF", "ETS", "ETV"],
    }
    """List → the vendor's ticker types of the stocks in `instruments/<list>.txt`."""

    @field_validator("fields")
    @classmethod
    def _some_field(cls, fields: dict[str, list[str]]) -> dict[str, list[str]]:
        empty = [name for name, columns in fields.items() if not columns]
        if empty:
            raise ValueError(f"no field of {', '.join(empty)} is named; leave it out to get all")
        return fields
