"""Every ticker gets one safe name that depends on nothing but itself."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gold_export import names
from lake.errors import BadData
from tests.gold_export.market import HOSTILE

# Any text UTF-8 can hold, and much of what names are made of.
TICKERS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ABab01.-_:/O", max_size=45)


@pytest.mark.parametrize(
    "ticker", ["AAPL", "BRK.A", "BF-B", "NAN", "TRUE", "INF", "1E5", "123", "ALL", "CONX", "X" * 40]
)
def test_what_qlib_can_hold_keeps_its_name(ticker):
    assert names.instrument(ticker) == ticker


@pytest.mark.parametrize("ticker", ["NA", "NULL", "CON", "lpt1", "BACpL", "", "..", "X" * 41])
def test_what_it_cannot_hold_gets_an_alias(ticker):
    assert re.fullmatch(r"[A-Z0-9]+_[0-9A-F]{12}", names.instrument(ticker))


def test_aliases_never_change():
    assert names.instrument("BACpL") == "BACPL_91135A24D52F"
    assert names.instrument("") == "X_E3B0C44298FC"
    assert names.instrument("../../etc/passwd") == "ETCPASSWD_3754D6CB3A38"


def test_options_lose_their_prefix_and_nothing_else_can_take_the_name():
    assert names.instrument("O:AAPL140613C00076430", "O:") == "AAPL140613C00076430"
    assert "_" in names.instrument("AAPL140613C00076430", "O:")
    assert "_" in names.instrument("O:O:AAPL140613C00076430", "O:")


@given(TICKERS, st.sampled_from(["", "O:"]))
def test_any_text_becomes_one_harmless_folder_name(ticker, prefix):
    name = names.instrument(ticker, prefix)
    assert re.fullmatch(r"[A-Z0-9][A-Z0-9._-]*", name)
    assert not name.endswith(".")
    assert len(name) <= 40


@given(st.lists(TICKERS, unique=True))
def test_two_tickers_never_share_a_folder(tickers):
    found = names.instruments(tickers)
    assert set(found) == set(tickers)
    assert len({name.lower() for name in found.values()}) == len(tickers)
    assert all(found[ticker] == names.instrument(ticker) for ticker in tickers)


@given(st.lists(TICKERS, unique=True))
def test_symbols_csv_gives_every_pair_back(tickers):
    found = names.instruments([*tickers, *HOSTILE])
    header, *rows = csv.reader(io.StringIO(names.symbols_csv(found), newline=""))
    assert header == ["symbol", "instrument"]
    assert rows == [[ticker, name] for ticker, name in found.items()]


def test_a_shared_alias_is_refused(monkeypatch):
    monkeypatch.setattr(names, "instrument", lambda ticker, prefix: "SAME")
    with pytest.raises(BadData, match="'A' and 'B'"):
        names.instruments(["A", "B"])
