from datetime import date

import pyarrow.parquet as pq

from lake import calendar


def test_it_reaches_back_before_the_vendors_first_file():
    days = calendar.exchange_schedule()["date"].to_pylist()
    assert days[0] == date(2000, 1, 3)
    week = [day for day in days if date(2001, 9, 10) <= day <= date(2001, 9, 17)]
    assert week == [date(2001, 9, 10), date(2001, 9, 17)]


def test_the_kept_sessions_are_the_librarys(monkeypatch, tmp_path):
    monkeypatch.setattr(calendar, "CACHE", tmp_path / "cache")
    first, kept = calendar.sessions(), calendar.sessions()
    assert first.equals(calendar.exchange_schedule())
    assert kept.equals(first)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_without_a_writable_home_nothing_is_kept(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(calendar, "CACHE", tmp_path / "file" / "cache")
    assert calendar.sessions().equals(calendar.exchange_schedule())


def test_what_dbt_reads_is_written_anew_where_it_is_damaged(tmp_path):
    for before in (None, b"damaged", b""):
        if before is not None:
            (tmp_path / "sessions.parquet").write_bytes(before)
        calendar.write_sessions(tmp_path / "sessions.parquet")
        assert pq.ParquetFile(tmp_path / "sessions.parquet").read().equals(calendar.sessions())


def test_a_damaged_copy_is_not_read(monkeypatch, tmp_path):
    monkeypatch.setattr(calendar, "CACHE", tmp_path)
    calendar.sessions()
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"damaged")
    assert calendar.sessions().equals(calendar.exchange_schedule())
