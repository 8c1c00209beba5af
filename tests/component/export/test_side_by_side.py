"""All cameras in one video: what stands beside each other was taken at the same time."""

from pathlib import Path

import av
import numpy as np
import pytest
from tests.component.reader.drive import FPS, SECONDS
from tests.unit.postprocess.rig import START_MS

from ctlr.camera.test_picture import luma_of, read_stamp
from ctlr.export.jobs import export_session
from ctlr.export.kinds import KINDS


@pytest.fixture(scope="module")
def frames(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    to = tmp_path_factory.mktemp("exports")
    made = export_session(drive, KINDS["side-by-side"], to, lambda _: None)
    assert made.notes == ()
    with av.open(str(made.path)) as container:
        return [luma_of(frame) for frame in container.decode(video=0)]


def test_both_were_taken_when_it_is_shown(frames: list[np.ndarray]) -> None:
    """Read from the pixels; the cameras' clocks are 2 s apart."""
    assert len(frames) == SECONDS * FPS
    width = frames[0].shape[1] // 2
    for number, picture in enumerate(frames):
        for lane, half in enumerate((picture[:, :width], picture[:, width:])):
            stamp = read_stamp(np.ascontiguousarray(half))
            if lane == 0 and 21 <= number < 39:  # a segment that never arrived
                assert int(half.max()) < 40
            elif lane == 1 or not 20 <= number < 40:
                assert stamp is not None
                at_ms = stamp.captured_at_us / 1000 - START_MS
                assert at_ms == pytest.approx(number * 1000 / FPS, abs=500 / FPS)
