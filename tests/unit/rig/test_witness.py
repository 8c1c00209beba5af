from pathlib import Path

from rig.witness import look


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
