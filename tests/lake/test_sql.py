"""A literal is the value it stands for, whatever text holds."""

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lake.sql import literal

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
CONNECTION = duckdb.connect()
PLAIN = TEXT | st.dates() | st.integers(-(2**31), 2**31 - 1)


@settings(deadline=None)
@given(st.none() | PLAIN | st.lists(TEXT) | st.dictionaries(st.just("a'b"), PLAIN, min_size=1))
@example(["it's", "'; DROP TABLE t; --", "\\'", "$x", "?"])
def test_a_literal_is_its_value(value):
    assert CONNECTION.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


def test_nothing_follows_a_nul():
    """DuckDB's parser ends there, within the string."""
    with pytest.raises(duckdb.ParserException):
        CONNECTION.execute(f"SELECT {literal(chr(0))}")


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="no literal of float"):
        literal([1.5])
