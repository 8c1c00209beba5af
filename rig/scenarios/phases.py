"""The phases of a session in which something happens to the rig, and getting it there and out again.

``enter`` brings the rig into a phase and returns at an instant within it that chance has chosen;
``leave`` lets the session come to its end, whatever happened meanwhile.
"""

import random
import threading
import time
from dataclasses import dataclass, field

from rig.phone import POLL_S, WaitedTooLongError
from rig.stage import Stage

IDLE, RECORDING, STOPPING, JOINING, UPLOADING = (
    "idle",
    "recording",
    "stopping",
    "joining",
    "uploading",
)
RECORD_S = 4.0
UPLOAD_LINES = 60
UPLOAD_LINE_S = 0.1
UPLOADED = "accelerometer.csv"


@dataclass
class Phase:
    """A session in a phase; ``sessions`` are those that must be whole in the end."""

    stage: Stage
    name: str
    sessions: list[str] = field(default_factory=list)
    upload: threading.Thread | None = None

    def leave(self) -> None:
        """Stop what still records, deliver what was being uploaded."""
        if not self.sessions:
            return
        session = self.sessions[-1]
        self.stage.phone.stop(session)
        if self.upload is not None:
            self.upload.join()
            self._upload_until_stored(session)

    def _upload_until_stored(self, session: str) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if self.stage.phone.upload(session, UPLOADED, _table()).get("success"):
                    return
            except OSError:
                pass  # as the app does: again, until it is stored
            time.sleep(POLL_S)
        raise WaitedTooLongError(f"{UPLOADED} of {session} is not taken")


def enter(stage: Stage, name: str, chance: random.Random) -> Phase:
    phase = Phase(stage, name)
    if name == IDLE:
        time.sleep(chance.uniform(0.0, 1.0))
        return phase
    session = stage.phone.start()
    phase.sessions.append(session)
    stage.phone.wait_until_recording(session)
    time.sleep(RECORD_S + chance.uniform(0.0, 3.0))
    if name == RECORDING:
        return phase
    if name == STOPPING:
        stopping = threading.Thread(target=_stop, args=(stage, session), daemon=True)
        stopping.start()
        time.sleep(chance.uniform(0.0, 0.3))
        return phase
    stage.phone.stop(session)
    if name == UPLOADING:
        phase.upload = threading.Thread(target=_upload_slowly, args=(stage, session), daemon=True)
        phase.upload.start()
    time.sleep(chance.uniform(0.0, 1.5))
    return phase


def _stop(stage: Stage, session: str) -> None:
    try:
        stage.phone.ask("POST", f"/api/record/stop?uuid={session}")
    except OSError:
        pass  # the power may be cut before the answer; leave() stops it again


def _upload_slowly(stage: Stage, session: str) -> None:
    """Over a bad network: a few lines at a time, for some seconds."""
    try:
        stage.phone.upload_slowly(session, UPLOADED, _table(), UPLOAD_LINES, UPLOAD_LINE_S)
    except OSError:
        pass  # the drive was pulled from under it; leave() delivers it again


def _table() -> bytes:
    rows = [f"{number},{number / 100},0.0,0.0,9.81" for number in range(5000)]
    return "\n".join(["time,seconds_elapsed,x,y,z", *rows, ""]).encode()
