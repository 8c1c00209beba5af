"""Videos that end at the stop, to the frame, also where frames are not decoded in the order shown."""

import shutil
from pathlib import Path

import pytest
from tests.component.postprocess.conftest import put_into
from tests.component.postprocess.packets import decode_errors, packets, picture_hashes
from tests.unit.postprocess.rig import START_MS, Rig, session

from ctlr.postprocess.folder.verify import verify_session
from ctlr.sessions.model import Session, SessionNode

RATE = 30
SECONDS = 8


def stopped_at(frame: int) -> Session:
    """A session that was stopped in the middle of a frame, of a camera that heard of it later."""
    stop_ms = START_MS + round((frame + 0.5) * 1000 / RATE)
    node = SessionNode(
        "cam-a", started=True, stop_acknowledged=True, stopped_at_ms=START_MS + SECONDS * 1000
    )
    return session(node, stopped_at_ms=stop_ms)


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("last", [150, 151, 152, 153, 154, 155])
def test_the_video_ends_with_the_frame_that_was_shown_at_the_stop(
    rig: Rig, segment_sets: dict[str, Path], container: str, last: int
) -> None:
    shutil.copytree(segment_sets["b-frames and aac"], rig.node(), dirs_exist_ok=True)
    wanted = [h for path in sorted(rig.node().iterdir()) for h in picture_hashes(path)]
    if container != "mp4":
        for path in sorted(rig.node().iterdir()):
            put_into(container, path)
    facts = stopped_at(last)
    outcome = rig.process(facts)
    assert outcome.exit_code == 0, outcome.summary
    source, video = rig.source(), rig.folder / "cam-a.mp4"
    assert source["method"] == ("splice" if container == "mp4" else "remux")
    assert picture_hashes(video) == wanted[: last + 1]
    assert source["frames"] == last + 1
    assert source["duration_s"] == pytest.approx((last + 1) / RATE, abs=1e-3)
    assert decode_errors(video) == ""
    sound = max(packet.shown_s for packet in packets(video)["audio"])
    assert sound == pytest.approx((last + 1) / RATE, abs=0.06)
    assert verify_session(rig.settings, rig.folder.name, lambda _: None).exit_code == 0
    assert rig.process(facts).changed is False
