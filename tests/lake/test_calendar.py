from lake import calendar


def test_the_kept_sessions_are_the_librarys(monkeypatch, tmp_path):
    monkeypatch.setattr(calendar, "CACHE", tmp_path / "cache")
    first, kept = calendar.sessions(), calendar.sessions()
    assert first.equals(calendar.exchange_schedule())
    assert kept.equals(first)
    assert len(list((tmp_path / "cache").iterdir())) == 1
