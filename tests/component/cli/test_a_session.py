"""A session by command line, from the check to the files of the phone: each verb a process of its
own, against a whole controller."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.component.cli.test_controller_verbs import ctlr
from tests.fakes.camera_node import CameraNode, Fault
from tests.fakes.controller import Controller, claim_and_release, running, settings_in

NOBODY = 65534


@pytest.fixture
async def cameras() -> AsyncIterator[list[CameraNode]]:
    async with CameraNode("cam-01", ours=True) as one, CameraNode("cam-02", ours=True) as other:
        yield [one, other]


@pytest.fixture
async def controller(tmp_path: Path, cameras: list[CameraNode]) -> AsyncIterator[Controller]:
    nodes = [camera.address for camera in cameras]
    async with running(settings_in(tmp_path, nodes)) as started:
        await started.until_connected("cam-01", "cam-02")
        yield started


async def test_a_session_from_the_check_to_the_phones_files(
    controller: Controller, tmp_path: Path
) -> None:
    at = ("--url", controller.url)
    checked = await ctlr("preflight", *at)
    assert (checked.code, checked.err) == (0, "")
    assert "cam-02" in checked.out
    assert checked.out.endswith("All is well.\n")

    started = await ctlr("record", "start", "lap 1, [dry]", *at)
    assert (started.code, started.err) == (0, "")
    assert "with 2 of 2 cameras." in started.out
    uuid = started.out.split()[1]
    marked = await ctlr("record", "mark", "hard [braking]", *at)
    assert marked.out.startswith("Marked ")
    assert marked.out.endswith(f"in {uuid}: hard [braking]\n")
    stopped = await ctlr("record", "stop", uuid[:4], *at)
    assert stopped.out.startswith(f"Stopped {uuid} after 0:00:")
    assert (await ctlr("record", "stop", *at)).err.startswith("Nothing is being recorded")

    (tmp_path / "phone" / "watch").mkdir(parents=True)
    (tmp_path / "phone" / "watch" / "puls ü.csv").write_bytes(b"bpm\n60\n")
    (tmp_path / "gps.csv").write_bytes(b"x" * (900 << 10))
    sent = await ctlr("upload", str(tmp_path / "gps.csv"), str(tmp_path / "phone"), *at)
    assert (sent.code, sent.err) == (0, "")
    assert f"2 files are in session {uuid}" in sent.out
    stored = controller.settings.storage.logging / "phone" / uuid
    assert (stored / "gps.csv").stat().st_size == 900 << 10
    assert (stored / "watch" / "puls ü.csv").read_bytes() == b"bpm\n60\n"

    listed = await ctlr("sessions", *at)
    assert uuid[:8] in listed.out
    assert "lap 1, [dry]" in listed.out
    noted = await ctlr("sessions", "note", uuid[:8], "fog on the left lens", *at)
    assert noted.out == f"Session {uuid}: lap 1, [dry]; fog on the left lens\n"
    judged = await ctlr("sessions", "bad", uuid[:8], *at)
    assert judged.out == f"Session {uuid}: lap 1, [dry]; bad take; fog on the left lens\n"
    assert uuid[:8] in (await ctlr("sessions", "--search", "FOG", "--verdict", "bad", *at)).out
    assert uuid[:8] not in (await ctlr("sessions", "--verdict", "good", *at)).out
    shown = await ctlr("sessions", "show", uuid[:8].upper(), *at)
    assert shown.out.startswith(f"Session {uuid} (lap 1, [dry]): ")
    assert "hard [braking]" in shown.out


async def test_a_camera_that_does_not_start_is_named(
    controller: Controller, cameras: list[CameraNode]
) -> None:
    cameras[1].fault, cameras[1].faulty = Fault.REFUSES, frozenset({"/record/start"})
    started = await ctlr("record", "start", "--url", controller.url)
    assert started.code == 0
    assert "with 1 of 2 cameras." in started.out
    assert "Without cam-02 so far: " in started.out


async def test_what_is_not_well_is_told_by_the_exit_code(controller: Controller) -> None:
    (await controller.start()).expect()
    checked = await ctlr("preflight", "--url", controller.url)
    assert checked.code == 1
    assert "Not all is well" in checked.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sessions", "show", "ffff"), "No session that was recorded here has an id that begins"),
        (("sessions", "show", "nonsense"), "No session id begins like that"),
        (("upload", __file__), "Nothing has been recorded here yet, so nothing was sent."),
        (("record", "mark"), "Nothing is being recorded"),
    ],
)
async def test_a_refusal_is_one_line(
    controller: Controller, arguments: tuple[str, ...], says: str
) -> None:
    refused = await ctlr(*arguments, "--url", controller.url)
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert refused.err.startswith(says)


async def test_an_upload_that_is_refused_half_way_says_why(
    controller: Controller, tmp_path: Path
) -> None:
    (await controller.start()).expect()
    (await controller.stop()).expect()
    (tmp_path / "large.bin").write_bytes(bytes(30 << 20))  # one MiB is allowed
    refused = await ctlr("upload", str(tmp_path / "large.bin"), "--url", controller.url)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "1 MiB" in refused.err


async def test_watching_tells_each_change_to_a_program(controller: Controller) -> None:
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ctlr", "status", "--watch", "--json", "--url", controller.url),
        stdout=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None
    first = json.loads(await watching.stdout.readline())
    assert first["recording"] is False
    (await controller.start()).expect()
    async with asyncio.timeout(20):
        while not json.loads(await watching.stdout.readline()).get("recording"):
            pass
    watching.send_signal(signal.SIGINT)
    assert await watching.wait() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
async def test_a_person_needs_no_right_but_to_reach_the_controller(
    controller: Controller, tmp_path: Path
) -> None:
    port = claim_and_release()
    secret = tmp_path / "ctlr.toml"
    secret.write_text(f"[api]\nport = {port}\n")
    secret.chmod(0o600)
    # What the interpreter loads late may lie where nobody but root may read.
    loaded = "import os, encodings.idna, xml.etree.ElementTree; from ctlr.cli import main"
    program = f"{loaded}; os.setgid({NOBODY}); os.setuid({NOBODY}); main()"

    async def as_nobody(*arguments: str, **env: str) -> tuple[int | None, bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **env},
        )
        out, err = await process.communicate()
        return process.returncode, out, err

    code, out, _ = await as_nobody("status", "--json", CTLR_URL=controller.url)
    assert code == 0
    assert json.loads(out)["ready"] is True
    # A configuration that is not for everybody is no hindrance: the usual address is tried.
    code, _, err = await as_nobody("status", CTLR_CONFIG=str(secret))
    assert code == 1
    assert err.startswith(b"No controller answers at http://127.0.0.1:8000")
    code, _, err = await as_nobody("--config", str(secret), "status")  # it was asked for
    assert code == 2
    assert b"Permission denied" in err


async def test_a_service_says_what_it_is(tmp_path: Path) -> None:
    config = tmp_path / "ctlr.toml"
    port = claim_and_release()
    config.write_text(
        f'node = "melb-01-ctlr"\n[api]\nport = {port}\nhost = "127.0.0.1"\n'
        f'[database]\npath = "{tmp_path / "missing" / "ctlr.db"}"\n'
    )
    (tmp_path / "missing").write_text("in the way")
    said = await ctlr("--config", str(config), "serve")
    assert said.code == 1
    first = said.err.splitlines()[0]
    assert "controller melb-01-ctlr" in first
    assert f"configured by {config}: http://127.0.0.1:{port}" in first
