import shutil
from pathlib import Path

from rig.witness import look, segments


def test_a_finished_segment_stays_seen_when_its_file_goes(tmp_path: Path) -> None:
    spool, seen = tmp_path / "spool", tmp_path / "seen"
    session = spool / "cam-1" / "u1"
    session.mkdir(parents=True)
    seen.mkdir()
    segment = session / "seg_0000.mp4"
    (session / "_tmp_seg_0001.mp4").write_text("not finished")
    segment.write_text("first")
    look(spool, seen)
    segment.unlink()
    look(spool, seen)
    segment.write_text("again")
    look(spool, seen)
    assert sorted(link.read_text() for link in seen.iterdir()) == ["again", "first"]


def test_a_session_that_goes_while_it_is_looked_at_hides_no_other(tmp_path: Path) -> None:
    for name in ("u1", "u2", "u3"):
        (tmp_path / "cam-1" / name).mkdir(parents=True)
        (tmp_path / "cam-1" / name / "seg_0000.mp4").write_text(name)
    listed = segments(tmp_path)
    first = next(listed)
    gone = next(folder for folder in (tmp_path / "cam-1").iterdir() if folder != first.parent)
    shutil.rmtree(gone)
    assert len(list(listed)) == 1
