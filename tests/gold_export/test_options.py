"""Every setting of gold reaches the export."""

from __future__ import annotations

import pytest

from flows.exporting import export_options
from gold_export.export import export
from gold_export.job import inputs
from gold_export.options import TYPES, ExportOptions
from lake.errors import UsageError
from lake.settings import Gold, Settings, Universe
from tests.gold_export import market


def test_the_settings_are_the_options():
    gold = Gold(
        adjustment="splits",
        fields={"stocks_daily": ["close", "factor"], "options_minute": ["close"]},
        lists=[7],
        types={"notes": ["ETN"]},
    )
    settings = Settings(gold=gold)
    options = export_options(settings, "stocks_daily")
    assert options == ExportOptions(
        fields={"stocks_daily": ("close", "factor")},
        lists=(7,),
        types={"notes": ("ETN",)},
        adjustment="splits",
    )
    assert export_options(settings, "options").fields == {"options_minute": ("close",)}


def test_the_universe_is_that_of_the_settings():
    gold = Gold(
        stocks_minute=Universe(symbols=["B", "A"], top=1), options=Universe(top=7), lists=[]
    )
    stocks = export_options(Settings(gold=gold), "stocks_minute")
    assert stocks.symbols == ("B", "A")
    # A list is exported whole, also where a file of settings has a limit for lack of one.
    assert stocks.limit("stocks_minute") == 0
    options = export_options(Settings(gold=gold), "options")
    assert (options.symbols, options.limit("options")) == ((), 7)
    assert ExportOptions().limit("options") == 5000


def test_both_defaults_are_one():
    assert export_options(Settings(gold=Gold()), "stocks_daily") == ExportOptions()
    assert {name: tuple(kinds) for name, kinds in Gold().types.items()} == TYPES


def test_only_the_tables_that_decide_bytes_are_taken_in():
    stocks, none = "stocks_daily", ExportOptions(adjustment="none", types={})
    assert inputs(stocks, ExportOptions()) == [stocks, "adjustment_factors", "tickers"]
    assert inputs(stocks, none) == [stocks]
    assert inputs("stocks_minute", ExportOptions()) == ["stocks_minute", "tickers"]
    assert inputs("options", ExportOptions()) == ["options_daily", "options_minute"]


def test_an_unknown_field_is_answered_with_the_known_ones(con, layout):
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", ["AAA"]))
    options = ExportOptions(fields={"stocks_daily": ("clsoe",)})
    with pytest.raises(UsageError, match=r"no field clsoe; known: open, .*close.*, factor, change"):
        export(con, layout, "stocks_daily", {"stocks_daily": 1}, options)
