"""When the drive may be ejected, and how that is said."""

from ctlr.gate import Work
from ctlr.storage.eject_rules import (
    eta_s,
    is_transfer,
    name_holders,
    others,
    refuse_for,
    wait_for,
)

RECORDING = Work("recording_in_progress", "Recording in progress", "session x")
JOINING = Work("processing_in_progress", "Video processing in progress", "40 %", 12.5)
READING = Work("verifying", "A session is being read back", eta_s=30.0, blocks=False)


def holder(pid: int, process: str, unit: str = "") -> dict[str, object]:
    return {"pid": pid, "process": process, "unit": unit, "name": f"{process} (process {pid})"}


def test_m17_work_that_writes_refuses_an_eject_in_one_sentence() -> None:
    refused = refuse_for([JOINING, READING])
    assert refused is not None
    assert (refused.success, refused.message) == (False, "Video processing in progress")
    assert refused.details == {
        "busy": [{"code": "processing_in_progress", "message": "40 %", "eta_s": 12.5}]
    }
    both = refuse_for([RECORDING, JOINING, JOINING])
    assert both is not None
    assert both.message == "Recording in progress; Video processing in progress"


def test_work_that_only_reads_is_let_go() -> None:
    assert refuse_for([READING]) is None
    assert refuse_for([]) is None


def test_when_safe_waits_for_all_of_it() -> None:
    waiting = wait_for([JOINING, READING])
    assert waiting.success is False
    assert waiting.details["waiting"] is True
    assert waiting.details["eta_s"] == 42.5
    assert waiting.message.endswith("ejected by itself when that has ended.")
    assert eta_s([JOINING, RECORDING]) is None
    assert eta_s([]) == 0


def test_holders_that_we_end_ourselves_are_no_reason() -> None:
    units = ("can-listener",)
    ours = [holder(1, "ctlr", "can-listener.service"), holder(7, "ctlr", "ctlr-api.service")]
    stranger = holder(9, "vim", "session-1.scope")
    assert others([*ours, stranger], units, frozenset({7})) == [stranger]
    assert name_holders([stranger]) == "The drive is in use by vim (process 9)"


def test_a_transfer_is_called_one() -> None:
    rsync = holder(8, "rsync", "ctlr-rsyncd.service")
    assert is_transfer(rsync)
    assert name_holders([holder(9, "vim"), rsync]).startswith("A transfer to the drive is under")
