from pathlib import Path

import pytest

from ctlr.camera.vitals import NO_CLOCK, measure_system, parse_chrony_tracking, parse_throttled

GOOD = (
    "C0A80001,192.168.0.1,3,1776313714.123456,0.000012345,-0.000001000,0.000020000,"
    "-12.345,0.001,0.050,0.000400000,0.000100000,64.2,Normal"
)


def test_chrony_tracking() -> None:
    assert parse_chrony_tracking(GOOD + "\n") == {
        "source": "chrony",
        "synchronised": True,
        "offset_ms": -0.012345,
        "uncertainty_ms": 0.3,
    }


def test_a_clock_that_follows_nobody_gives_no_figures() -> None:
    line = GOOD.replace("Normal", "Not synchronised")
    assert parse_chrony_tracking(line) == {"source": "chrony", "synchronised": False}


@pytest.mark.parametrize("line", ["", "506 Cannot talk to daemon", "a,b,c,d,e,f,g,h,i,j,k,l,m,n"])
def test_no_answer_from_chrony_is_no_clock(line: str) -> None:
    assert parse_chrony_tracking(line) == NO_CLOCK


def test_figures_of_this_machine(tmp_path: Path) -> None:
    system = measure_system(tmp_path)
    assert system.cpu is not None
    assert system.ram is not None
    assert system.disk_free_gb is not None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("throttled=0x0\n", None),
        ("throttled=0x1", "under-voltage"),
        ("throttled=0x50005", "under-voltage, throttled"),
        ("throttled=0x50000", "under-voltage since boot, throttled since boot"),
        ("throttled=0xe0008", "temperature limit, slowed down since boot, throttled since boot"),
        ("VCHI initialization failed", None),
        ("", None),
    ],
)
def test_what_the_firmware_says_of_power(line: str, words: str | None) -> None:
    assert parse_throttled(line) == words
