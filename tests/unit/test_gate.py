"""Who may begin at one moment: those who use the drive, or those who take it out."""

import pytest

from ctlr.gate import Gate, Work
from ctlr.kernel.errors import Refusal

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
JOINING = Work("processing_in_progress", "Video processing in progress")
READING = Work("verifying", "A session is being read back", blocks=False)


async def test_nobody_uses_a_drive_at_first() -> None:
    gate = Gate()
    gate.check_start()
    assert (gate.find_work(), gate.is_recording()) == ([], False)


async def test_a_start_is_refused_while_a_volume_comes_off() -> None:
    taken_off: list[str] = []
    gate = Gate(lambda: bool(taken_off))
    gate.check_start()
    taken_off.append("sync")
    with pytest.raises(Refusal, match="drive_ejecting"):
        gate.check_start()
    taken_off.clear()
    gate.check_start()


async def test_work_is_told_in_the_order_of_those_who_joined() -> None:
    gate = Gate()
    gate.add_user(lambda: [JOINING])
    gate.add_user(lambda: [READING])
    gate.session = UUID
    assert gate.is_recording()
    with gate.upload(), gate.upload():
        codes = [work.code for work in gate.find_work()]
        assert codes == [
            "recording_in_progress",
            "upload_in_progress",
            "processing_in_progress",
            "verifying",
        ]
    gate.session = None
    assert gate.find_work() == [JOINING, READING]


async def test_all_readers_are_released() -> None:
    gate, released = Gate(), []

    async def release() -> None:
        released.append("post-processing")

    await gate.release_readers()
    gate.add_reader(release)
    await gate.release_readers()
    assert released == ["post-processing"]


async def test_an_upload_that_fails_has_ended_too() -> None:
    gate = Gate()
    with pytest.raises(OSError, match="full"), gate.upload():
        raise OSError("full")
    assert gate.find_work() == []
