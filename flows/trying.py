"""Looking at a part of the lake that may be broken, so that the rest is told all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import duckdb

from lake.errors import QuantminiError

T = TypeVar("T")

UNREADABLE = (
    QuantminiError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    duckdb.Error,
)


def tried(broken: list[str], what: str, remedy: str, look: Callable[[], T], instead: T) -> T:
    """What a look gives; where it fails, something instead and a problem.

    An error of our own names what cannot be read and its remedy; others are told them.
    """
    try:
        return look()
    except QuantminiError as error:
        broken.append(str(error))
        return instead
    except UNREADABLE as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        broken.append(f"{what} cannot be read ({line}); {remedy}")
        return instead
