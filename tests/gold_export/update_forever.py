"""Run as a program to be killed: `update_forever.py LAKE` adds a session and exports, on and on.

When the sessions are used up, the history starts again, which is a whole export.
"""

import sys
from itertools import count
from pathlib import Path

from gold_export import versions
from gold_export.export import export
from gold_export.options import ExportOptions
from lake.layout import Layout
from tests.gold_export import market
from tests.gold_export.lakehouse import Lakehouse

STORE = "stocks_daily"
TICKERS = [f"T{number:03}" for number in range(60)]
FIRST = 6


def rows(sessions: int) -> list[market.Row]:
    """The same bars whenever they are asked for."""
    days = enumerate(market.SESSIONS[:sessions])
    return [row for seed, day in days for row in market.bars(STORE, TICKERS, [day], seed)]


if __name__ == "__main__":
    layout = Layout(Path(sys.argv[1]))
    layout.catalog.unlink(missing_ok=True)
    house = Lakehouse(layout)
    for step in count():
        sessions = FIRST + step % (len(market.SESSIONS) - FIRST + 1)
        if sessions == FIRST:
            house.make(STORE, rows(FIRST))
        else:
            house.insert(STORE, rows(sessions)[-len(TICKERS) :])
        export(house.con, layout, STORE, house.publish(STORE), ExportOptions())
        versions.prepare(layout, STORE)
        print(sessions, flush=True)
