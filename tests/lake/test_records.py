"""Records: lines from many processes stay whole, damaged ones are passed over."""

from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

from lake import records
from lake.layout import Layout


def write_many(root, worker):
    for number in range(200):
        records.append(
            Layout(root), "queries", {"worker": worker, "number": number, "sql": "x" * 300}
        )


def test_lines_of_many_processes_stay_whole_and_in_order(tmp_path):
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(write_many, [tmp_path] * 4, range(4)))
    found = list(records.read(Layout(tmp_path), "queries", timedelta(days=1)))
    for worker in range(4):
        numbers = [record["number"] for record in found if record["worker"] == worker]
        assert numbers == list(range(200))


def test_a_cut_line_and_an_old_one_are_passed_over(tmp_path):
    layout = Layout(tmp_path)
    records.append(layout, "runs", {"ok": True})
    [path] = layout.log("performance").glob("runs-*.jsonl")
    old = '{"at": "2001-01-01T00:00:00+00:00", "ok": false}\n'
    path.write_text(old + path.read_text() + '{"at": "2001-')
    assert [record["ok"] for record in records.read(layout, "runs", timedelta(days=1))] == [True]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    records.append(Layout(tmp_path), "runs", {"ok": True})
    assert not list(records.read(Layout(tmp_path), "runs", timedelta(days=1)))
