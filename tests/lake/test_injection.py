"""Whatever stands in a parameter is a value: no text of it ever becomes SQL."""

from __future__ import annotations

import contextlib
import dataclasses

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lake.errors import QuantminiError, UsageError
from lake.market import TABLES, as_date
from tests.lake.market import SYMBOLS

ATTACKS = [
    "'; DROP TABLE lake.silver.stocks_daily; --",
    "' OR 1=1 --",
    "' OR '1'='1",
    "NA' UNION ALL SELECT * FROM silver.stocks_daily --",
    "NA\\' OR TRUE --",
    'NA" OR TRUE --',
    "NA') OR TRUE --",
    "getvariable('symbols')",
    "getvariable('asked').underlying",
    "$name",
    "?",
    "%",
    "_A",
    "NA\x00",
    "''",
    "",
    "O:' OR TRUE --",
    "silver.stocks_daily",
    "*",
]
# All contracts of this lake are on one stock.
UNDERLYINGS = {"AAPL"}
TEXT = st.one_of(st.sampled_from(ATTACKS), st.text(max_size=20))
QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def whole(db):
    """The rows of each table."""
    return db.sql(
        "SELECT (SELECT count(*) FROM silver.stocks_daily),"
        " (SELECT count(*) FROM silver.options_daily)"
    ).fetchall()


def is_known(text):
    """Hypothesis also draws words that stand in the code: lengths, data sets, dates."""
    with contextlib.suppress(UsageError):
        return bool(as_date(text))
    return text in UNDERLYINGS.union(*TABLES)


def refused_for_its_characters(name):
    """DuckLake cannot look up a NUL, which no ticker has; that is an error and nothing more."""
    odd = "\0" in name or name == ""
    return contextlib.suppress(QuantminiError) if odd else contextlib.nullcontext()


@QUICK
@given(name=TEXT)
@example(name="NA")
def test_a_symbol_is_compared_and_nothing_else(db, name):
    before = whole(db)
    # Names without bars would be an error; here their rows are asked for all the same.
    with refused_for_its_characters(name):
        answer = dataclasses.replace(db.bars([name, "NA"], dataset="stocks_daily"), expected=None)
        assert set(answer.arrow()["symbol"].to_pylist()) == {name, "NA"} & set(SYMBOLS)
        answer = dataclasses.replace(db.chain(name), expected=None)
        assert set(answer.arrow()["underlying"].to_pylist()) == {name} & UNDERLYINGS
    assert db.sql("SELECT $x AS x", {"x": name}).fetchall() == [(name,)]
    with refused_for_its_characters(name):
        rows = db.sql("SELECT symbol FROM silver.stocks_daily WHERE symbol = ?", [name])
        assert {symbol for (symbol,) in rows.fetchall()} == {name} & set(SYMBOLS)
    assert whole(db) == before


@QUICK
@given(text=TEXT.filter(lambda text: not is_known(text)))
def test_every_other_parameter_takes_what_it_knows(db, text):
    before = whole(db)
    for ask in (
        lambda: db.chain(text),
        lambda: db.chain("AAPL", text),
        lambda: db.bars("NA", text),
        lambda: db.bars("NA", end=text),
        lambda: db.bars("NA", freq=text or "x"),
        lambda: db.bars("NA", dataset=text),
    ):
        with contextlib.suppress(QuantminiError):
            ask().arrow()
            raise AssertionError(f"{text!r} was taken")
    assert whole(db) == before
