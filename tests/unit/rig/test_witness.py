import shutil
from pathlib import Path

from rig.witness import look, segments


def test_a_finished_segment_stays_seen_when_its_file_goes(tmp_path: Path) -> None:
    spool, seen = tmp_path / "spool", tmp_path / "seen"
    (spool / "u1").mkdir(parents=True)
    seen.mkdir()
    segment = spool / "u1" / "seg_0000.mp4"
    (spool / "u1" / "_tmp_seg_0001.mp4").write_text("not finished")
    segment.write_text("first")
    look(spool, seen)
    segment.unlink()
    look(spool, seen)
    segment.write_text("again")
    look(spool, seen)
    assert sorted(link.read_text() for link in seen.iterdir()) == ["again", "first"]


def test_a_session_that_goes_while_it_is_looked_at_hides_no_other(tmp_path: Path) -> None:
    for name in ("u1", "u2", "u3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "seg_0000.mp4").write_text(name)
    listed = segments(tmp_path)
    first = next(listed)
    gone = next(folder for folder in tmp_path.iterdir() if folder != first.parent)
    shutil.rmtree(gone)
    assert len(list(listed)) == 1
