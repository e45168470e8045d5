"""Questions in quick succession share a transaction, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from lake import cursors, query_cache
from tests.lake.market import SYMBOLS


def idle(db):
    return db._reading.cursors._idle


def test_one_transaction_serves_many_questions_and_then_ends(db, monkeypatch):
    db.bars("NA").arrow()
    [first] = idle(db)
    db.bars("TRUE").arrow()
    assert idle(db) == [first]
    db._reading.cursors.close()
    assert idle(db) == []
    monkeypatch.setattr(cursors, "HELD", -1.0)
    db.bars("NA").arrow()
    assert idle(db) == []


def test_an_answer_that_is_half_read_is_left_alone(db, monkeypatch):
    whole = db.bars(None, freq="1min").arrow()
    monkeypatch.setattr(query_cache, "LARGEST", 0)
    stream = db.bars(None, freq="1min").reader()
    assert db.bars("NA").arrow().num_rows
    assert pa.Table.from_batches(list(stream), stream.schema).equals(whole)


def test_threads_do_not_share_a_cursor(db):
    def rows(symbol: str) -> set[str]:
        return set(db.bars(symbol, freq="1min").arrow()["symbol"].to_pylist())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rows, SYMBOLS * 5)) == [{symbol} for symbol in SYMBOLS * 5]
    assert len({id(cursor) for cursor, _ in idle(db)}) == len(idle(db)) <= 4
