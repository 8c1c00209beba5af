from pathlib import Path

import pytest

from ctlr.camera.card import Card
from ctlr.camera.checks import Checks, check_clock, check_power, check_temperature
from ctlr.camera.sources import PictureSettings
from ctlr.camera.vitals import Vitals
from ctlr.config import CameraSettings


def test_power() -> None:
    assert check_power(None) is None
    past = check_power("under-voltage since boot")
    assert past is not None
    assert past.ok
    now = check_power("under-voltage, throttled since boot")
    assert now is not None
    assert not now.ok
    assert "supply" in now.msg


@pytest.mark.parametrize(("degrees", "ok"), [(79.9, True), (80.0, False)])
def test_temperature(degrees: float, ok: bool) -> None:
    check = check_temperature(degrees)
    assert check is not None
    assert check.ok is ok
    assert check_temperature(None) is None


def test_clock() -> None:
    assert check_clock({"source": "none"}).ok
    assert not check_clock({"source": "chrony", "synchronised": False}).ok
    good = {"source": "chrony", "synchronised": True, "offset_ms": 0.5, "uncertainty_ms": 2.0}
    assert check_clock(good).msg == "chrony: +0.500 ms, within 2.000 ms"


async def test_a_camera_is_not_opened_twice_at_a_time(
    tmp_path: Path,
) -> None:
    settings = CameraSettings(spool=tmp_path, width=320, height=64)
    checks = Checks(settings, PictureSettings.of(settings), Card(settings), Vitals())
    with checks.camera_free:  # a recording opens its camera
        assert (await checks.make("idle"))["camera"].msg == "test: in use"
    assert (await checks.make("idle"))["camera"].msg == "test: test picture 320x64 at 30 fps"
    assert (await checks.make("recording"))["state"].ok is False
