"""The first day of somebody who may log in on the controller and nothing else: no sudo, no group, no
look into the settings, no curl.

The first session is made with five lines, from the check to the drive in the hand; the second with
everything else that a day in the field asks for.
"""

import json
import random
import re
import time
from dataclasses import dataclass, field

from rig import account
from rig.machine import Completed, Machine
from rig.phone import Json
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.pull import wait_until_healthy
from rig.stage import CONTROLLER_UNITS, Stage, wait_until_active

USER = "crew"
RECORD_S = 5.0
TYPED_LIMIT_S = 5.0
"""A line that only asks or tells; preflight asks all cameras, an eject waits for work."""
LABEL, MARK = "lap 1, dry", "hard braking"
FIVE_LINES = (
    "ctlr preflight",
    f"ctlr record start '{LABEL}'",
    "ctlr record stop",
    "ctlr upload accelerometer.csv",
    "ctlr eject --when-safe",
)
_TABLE = "time,x,y,z\\n1,0,0,9.81\\n"
_MAY_NOT = (
    "cat /etc/ctlr/ctlr.toml",
    "cat /etc/ctlr/mqtt.env",
    "touch /mnt/logging/here",
    "touch /mnt/sync/here",
    "systemctl restart ctlr-api",
)


@dataclass
class Person:
    """Types lines on the controller, as after a login. ``took`` is how long each lasted."""

    controller: Machine
    took: list[tuple[str, float]] = field(default_factory=list)

    def type(self, line: str, *, code: int = 0) -> str:
        began = time.monotonic()
        done = self._log_in(line)
        self.took.append((line, time.monotonic() - began))
        assert done.returncode == code, (line, done)
        return done.stdout

    def may(self, line: str) -> bool:
        return self._log_in(line).returncode == 0

    def _log_in(self, line: str) -> Completed:
        command = ["runuser", "--login", USER, "--command", line]
        return self.controller.run(command, check=False, deadline_s=120)

    def slow(self, limit_s: float) -> list[str]:
        return [
            f"'{line}' took {took:.1f} s"
            for line, took in self.took
            if took > limit_s and "eject" not in line and "storage mount" not in line
        ]


@scenario("first day of a crew, without sudo")
def first_day(stages: Stages, _chance: random.Random) -> Outcome:
    stage = stages.installed_stage()
    stage.boot()
    crew = _hire(stage.controller)
    stage.phone.wait_until_all_is_well()
    prober = stage.prober()
    prober.start()
    first = _five_lines(stage, crew)
    began = time.monotonic()
    _bring_back(stage, crew)
    recover_s = time.monotonic() - began
    second = _everything_else(stage, crew)
    outcome = Outcome(account.take(stage, [first, second], prober.stop()), [recover_s])
    outcome.account.problems += _judge(outcome.account, first, second)
    outcome.account.late += crew.slow(TYPED_LIMIT_S * stage.slowness)
    for line, took in crew.took:
        print(f"{took:6.1f} s  {line}", flush=True)
    return outcome


def _hire(controller: Machine) -> Person:
    """An account of its own, with no right that others have not."""
    controller.run(["useradd", "--create-home", "--shell", "/bin/bash", USER])
    crew = Person(controller)
    assert controller.run(["id", "-Gn", USER]).stdout.split() == [USER]
    assert [line for line in _MAY_NOT if crew.may(line)] == []
    assert crew.may(f"printf '{_TABLE}' > accelerometer.csv")
    return crew


def _five_lines(stage: Stage, crew: Person) -> str:
    """A session from the check to the drive in the hand; returns its id."""
    check, start, stop, upload, eject = FIVE_LINES
    assert crew.type(check).endswith("All is well.\n")
    started = crew.type(start)
    session = _id_in(started)
    assert f"with {len(stage.cameras)} of {len(stage.cameras)} cameras." in started, started
    _let_it_record(stage, session)
    assert session in crew.type(stop)
    assert f"1 files are in session {session}" in crew.type(upload)
    said = crew.type(eject)
    assert said == "Safe to remove drive\n", said
    return session


def _bring_back(stage: Stage, crew: Person) -> None:
    """The drive was at home, and comes back into another port."""
    stage.controller.pull(stage.drive)
    stage.controller.plug(stage.drive, 1)
    assert crew.type("ctlr storage mount") == "Drive ready\n"
    wait_until_healthy(stage)
    wait_until_active(stage.controller, CONTROLLER_UNITS, stage.up_deadline_s)
    assert "none with faults" in crew.type("ctlr verify /mnt/sync")


def _everything_else(stage: Stage, crew: Person) -> str:
    session = _id_in(crew.type("ctlr record start"))
    short = session[:8]
    _let_it_record(stage, session)
    assert session in crew.type(f"ctlr record mark '{MARK}'")
    assert session in crew.type("ctlr status")
    crew.type("ctlr record stop")
    crew.type(f"ctlr upload --session {short} accelerometer.csv")
    stage.phone.wait_until_done(session)
    crew.type(f"ctlr sessions label {short} 'lap 2, wet'")
    crew.type(f"ctlr sessions note {short} 'fog on the left lens'")
    crew.type(f"ctlr sessions bad {short}")
    _until_the_manifest_says_so(stage, session)
    listed = crew.type("ctlr sessions")
    assert short in listed, listed
    assert MARK in crew.type(f"ctlr sessions show {short}")
    cameras = crew.type("ctlr nodes list")
    assert all(camera.name in cameras for camera in stage.cameras), cameras
    crew.type("ctlr logs --limit 5")
    crew.type("ctlr storage status")
    return session


def _until_the_manifest_says_so(stage: Stage, session: str) -> None:
    """What was said last is in the folder as well, a moment later."""

    def is_there(found: Json) -> bool:
        path = f"/mnt/sync/{found['folder']}/manifest.json"
        read = stage.controller.run(["cat", path], check=False).stdout
        return bool(read) and json.loads(read).get("verdict") == "bad"

    stage.phone.wait(f"/api/sessions/{session}", is_there, 60.0, "the manifest has the verdict")


def _judge(taken: account.Account, first: str, second: str) -> list[str]:
    """What the drive must say of both sessions."""
    problems = [f"{one} is not complete" for one in (first, second) if not _is_whole(taken, one)]
    said = [(taken.manifests.get(first, {}), "label", LABEL)]
    said += [
        (taken.manifests.get(second, {}), key, value)
        for key, value in (
            ("label", "lap 2, wet"),
            ("notes", "fog on the left lens"),
            ("verdict", "bad"),
        )
    ]
    problems += [
        f"{key} is {m.get(key)}, not {value}" for m, key, value in said if m.get(key) != value
    ]
    marks = [mark["label"] for mark in taken.manifests.get(second, {}).get("marks", [])]
    return problems + ([] if marks == [MARK] else [f"marked: {marks}"])


def _is_whole(taken: account.Account, session: str) -> bool:
    manifest = taken.manifests.get(session, {})
    files = manifest.get("sources", {}).get("phone", {}).get("files", [])
    return bool(manifest.get("complete") and "accelerometer.csv" in files)


def _let_it_record(stage: Stage, session: str) -> None:
    stage.phone.wait_until_recording(session)
    time.sleep(RECORD_S)


def _id_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", text)
    assert found, text
    return found[0]
