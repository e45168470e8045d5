"""The published lake as people ask it: SQL, bars and option chains, read-only, at one moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial

from lake import adjustment, hints, market
from lake.answer import Answer, Expected
from lake.datasets import DATASETS
from lake.errors import NotBuilt, UsageError
from lake.layout import Layout
from lake.reading import Parameters, Reading
from lake.statement import parse

Symbols = str | Sequence[str] | None
Date = dt.date | str | None


class Lake:
    """`silver.*`, `archive.*` and `metadata.*` as they were published when this was opened.

    Every question reads that same moment, also while a run writes and publishes. Threads may share
    it; a forked process opens its own. `connect` makes one.
    """

    def __init__(self, layout: Layout, memory_limit: str, threads: int, cache_bytes: int) -> None:
        self._reading = Reading(layout, memory_limit, threads, cache_bytes)

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; answers that were not read yet cannot be read any more."""
        self._reading.close()

    def sql(self, sql: str, parameters: Parameters = None) -> Answer:
        """Ask in SQL.

        Args:
            sql: one SELECT, or EXPLAIN of one.
            parameters: values of its `?` (a list) or `$name` (a dict).

        Raises:
            QueryFailed: the syntax is wrong, or it does something other than read.
        """
        statement = parse(self._reading.cursor(), sql)
        key = partial(self._reading.key, statement, parameters)
        return Answer(self._reading, sql, parameters, key=key)

    def bars(
        self,
        symbols: Symbols = None,
        start: Date = None,
        end: Date = None,
        *,
        dataset: str | None = None,
        freq: str | None = None,
        adjusted: bool = False,
    ) -> Answer:
        """Bars, ordered by instrument and time, with all columns of their table.

        Args:
            symbols: one or several, capitals as published; None for all.
            start: first trading date, also as `2024-06-03`; None for all there is.
            end: last trading date.
            dataset: `stocks_daily`, `stocks_minute`, `options_daily` or `options_minute`; told
                from `freq` and the symbols where it is not given.
            freq: `1min`, `5min`, `30min`, `hour`, `day` (the default), `week` or `month`.
            adjusted: prices and volumes of stocks on the basis of the newest day, by splits and
                dividends; `factor` is then adjusted by raw price. The other columns stay.

        Raises:
            UsageError: there are no such bars, or a date is none. Reading raises it for symbols
                that do not exist and dates that the lake does not have.
            NotBuilt: they are not published, or there are neither splits nor dividends.
        """
        names = _names(symbols)
        bars = market.bars_of(names, dataset, freq)
        first, last = market.span(start, end)
        made_of = "stocks_daily" if adjusted and bars.period != "day" else bars.table
        self._need(bars.table)
        self._need(made_of)
        if adjusted:
            self._need_factors()
        begin, finish = bars.whole(first, last)
        source, reads = self._reading.sources.of(made_of, bars.key, names, begin, finish)
        count = None if names is None else len(names)
        given = {"start": bool(first), "end": bool(last)}
        sql = market.bars_sql(bars, source, count, adjusted=adjusted, **given)
        asked = {"symbols": names, "span": {"first": begin, "last": finish}}
        wanted = frozenset(names or ())
        stocks = DATASETS[bars.dataset].asset == "stocks"
        mart = ("symbols", "symbol") if stocks else ("contracts", "ticker")

        def explain(missing: frozenset[str]) -> None:
            pool = self._pool(*mart, bars.source, bars.key)
            found = (bars.source, bars.key, wanted, missing)
            hints.explain_bars(self._ask(), pool, *found, (first, last))

        return Answer(
            self._reading,
            sql,
            variables=asked | reads,
            expected=Expected(bars.key, wanted, explain),
            name=f"bars {','.join(names or ['*'])} {first or ''}..{last or ''} {bars.table}",
        )

    def chain(self, underlying: str, date: Date = None) -> Answer:
        """Day bars of every contract that traded, ordered by expiry, strike and type.

        Args:
            underlying: its symbol, such as `SPY`.
            date: the trading date; the newest one by default.

        Raises:
            UsageError: a date is none. Reading raises it for an unknown underlying and a date
                without its contracts.
            NotBuilt: options_daily is not published.
        """
        if not _is_name(underlying):
            raise UsageError(f"an underlying is text such as 'SPY', not {underlying!r}")
        self._need("options_daily")
        if date is None:
            [(date,)] = self._ask()("SELECT max(date) FROM archive.options_daily")
        if date is None:
            raise NotBuilt("options_daily holds no bar; run `quantmini run options_daily`")
        day = market.as_date(date)

        def explain(_: frozenset[str]) -> None:
            pool = self._pool("chains", "underlying", "archive.options_daily", "underlying")
            hints.explain_chain(self._ask(), pool, underlying, day)

        table, key = "options_daily", "underlying"
        source, reads = self._reading.sources.of(table, key, [underlying], day, day)
        return Answer(
            self._reading,
            market.CHAIN.format(source=source),
            variables={"asked": {"underlying": underlying, "date": day}} | reads,
            expected=Expected("underlying", frozenset([underlying]), explain),
            name=f"chain {underlying} {day}",
        )

    def _need(self, table: str) -> None:
        if table not in self._reading.served:
            root = self._reading.layout.root
            raise NotBuilt(f"{table} is not published in {root}; run `quantmini run`")

    def _need_factors(self) -> None:
        """Factors that are all 1 for want of splits and dividends would pass for adjusted.

        A machine that only reads a shared lake has none of its own, but the published factors.
        """
        if "adjustment_factors" in self._reading.served:
            if self._reading.cursor().sql("FROM silver.adjustment_factors LIMIT 1").fetchall():
                return
            if adjustment.landed(self._reading.layout):
                return
        raise NotBuilt(
            "no splits or dividends to adjust by; run `quantmini reference sync`, then "
            "`quantmini run`"
        )

    def _pool(self, mart: str, column: str, table: str, otherwise: str) -> tuple[str, str]:
        """Where names are looked up: a mart where it is there, else the bars themselves."""
        there = any(path.stem == mart for path in self._reading.layout.marts())
        return (f"metadata.{mart}", column) if there else (table, otherwise)

    def _ask(self) -> hints.Ask:
        return hints.asking(self._reading.cursor())


def _names(symbols: Symbols) -> list[str] | None:
    """The symbols, each once; None for all."""
    if symbols is None:
        return None
    names = [symbols] if isinstance(symbols, str) else list(dict.fromkeys(symbols))
    if not names or not all(map(_is_name, names)):
        raise UsageError("symbols are text such as 'AAPL', at least one; None for all")
    return names


def _is_name(value: object) -> bool:
    """Whether it is text that UTF-8 and DuckLake can hold: the latter cannot look up a NUL."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
