"""What only a kernel of its own has: a clock to set, a video device with the kernel's stamps, a CAN
bus, exFAT with its dirty flag, and a network that loses packets.
"""

import random
import time

from rig import account
from rig.drive import Drive
from rig.machine import Machine
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.power import gaps_s, lost_before, note_lost
from rig.scenarios.pull import wait_until_healthy

RECORD_S = 5.0
HOUR_S, DAY_S = 3600, 86_400
ANSWERED_S = 1.0
"""An answer was made at most so long before it is here."""
FRAMES = 5000
LOSS = "30%"
ROWS_S = 60.0
_DIRTY_AT, _DIRTY = 106, 2  # VolumeFlags in exFAT's boot sector, and its VolumeDirty
_BUS = '\\nbuses = [{ name = "car", interface = "socketcan", channel = "vcan0" }]'


@scenario("camera on the kernel's video device", short=0)
def video_device(stages: Stages, chance: random.Random) -> Outcome:
    """It is unplugged in the middle; then its power is cut."""
    stage = stages.emulated_camera_stage(chance)
    stage.boot()
    camera = stage.cameras[0]
    alone = f's/^nodes = .*/nodes = ["{camera.name}:8080"]/'
    stage.controller.run(["sed", "-i", alone, "/etc/ctlr/ctlr.toml"])
    stage.controller.run(["systemctl", "restart", "ctlr-api"])
    use = 's/^source = .*/source = "v4l2"/; s/^device = .*/device = "\\/dev\\/video0"/'
    camera.run(["sed", "-i", use, "/etc/ctlr/ctlr.toml"])
    camera.run(["systemctl", "restart", "ctlr-camera"], deadline_s=120)
    stage.phone.wait_until_ready(1, 120)
    prober = stage.prober()
    prober.start()
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    time.sleep(RECORD_S)
    unplugged_at = time.time()
    camera.run(["v4l2-ctl", "-d", "/dev/video0", "-c", "disconnect=1"])
    time.sleep(RECORD_S)
    camera.cut_power()
    began = time.monotonic()
    camera.boot()
    stage.phone.wait(
        "/api/status",
        lambda status: status["cameras"][0]["state"] == "recording",
        180,
        "the camera records again",
    )
    recover_s = time.monotonic() - began
    time.sleep(RECORD_S)
    stage.phone.stop(session)
    stage.phone.wait_until_done(session)
    lost_s = lost_before(stage, camera, session, unplugged_at)
    outcome = Outcome(account.take(stage, [session], prober.stop()), [recover_s])
    note_lost(outcome, camera, lost_s)
    for manifest in outcome.account.manifests.values():
        source = manifest["sources"][camera.name]
        if not source["gaps"]:
            outcome.account.problems.append("the manifest does not show the power cut")
    return outcome


@scenario("CAN bus of the kernel, recorded without a loss", short=0)
def can_bus(stages: Stages, chance: random.Random) -> Outcome:
    stage = stages.emulated_stage(chance)
    stage.boot()
    controller = stage.controller
    controller.run(["modprobe", "vcan"])
    controller.run(["ip", "link", "add", "vcan0", "type", "vcan"])
    controller.run(["ip", "link", "set", "vcan0", "up"])
    controller.run(["sh", "-c", f"printf '\\n[can]{_BUS}\\n' >> /etc/ctlr/ctlr.toml"])
    controller.run(["systemctl", "restart", "can-listener"], deadline_s=120)
    stage.phone.wait("/api/status", lambda status: status["can"]["connected"], 60, "CAN is there")
    prober = stage.prober()
    prober.start()
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    send = ["cangen", "vcan0", "-g", "2", "-n", str(FRAMES), "-I", "i", "-L", "8", "-D", "i"]
    controller.run(send, deadline_s=300)
    rows = _wait_for_rows(controller)
    stage.phone.stop(session)
    outcome = Outcome(account.take(stage, [session], prober.stop()))
    if rows != FRAMES:
        outcome.account.problems.append(f"{FRAMES} frames were sent, {rows} rows are recorded")
    source = outcome.account.manifests.get(session, {}).get("sources", {}).get("can", {})
    if source.get("frames") != FRAMES:
        outcome.account.problems.append(f"the session's CAN source says {source}")
    return outcome


@scenario("network that loses 30 % of all packets", short=0)
def lossy_network(stages: Stages, chance: random.Random) -> Outcome:
    stage = stages.emulated_stage(chance)
    stage.boot()
    controller = stage.controller
    prober = stage.prober()
    prober.start()
    prober.pause()
    controller.run(["tc", "qdisc", "add", "dev", "eth0", "root", "netem", "loss", LOSS])
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    time.sleep(2 * RECORD_S)
    stage.phone.stop(session)
    controller.run(["tc", "qdisc", "del", "dev", "eth0", "root"])
    began = time.monotonic()
    stage.phone.wait_until_done(session)
    recover_s = time.monotonic() - began
    prober.go_on()
    time.sleep(RECORD_S)
    outcome = Outcome(account.take(stage, [session], prober.stop()), [recover_s])
    outcome.lost_video_s += [gaps_s(found) for found in outcome.account.manifests.values()]
    return outcome


@scenario("clock of the controller set wrong while recording", short=0)
def clock_steps(stages: Stages, chance: random.Random) -> Outcome:
    """By hours and a day, forward and back; what is measured in time goes on as it was."""
    stage = stages.emulated_stage(chance)
    stage.boot()
    prober = stage.prober()
    prober.start()
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    began = time.monotonic() - stage.phone.ask("GET", "/api/status")["duration"]
    problems = []
    for step_s in (HOUR_S, -2 * HOUR_S, -DAY_S, DAY_S + HOUR_S):
        stage.controller.run(["sh", "-c", f"date -s @$(($(date +%s) + ({step_s})))"])
        time.sleep(RECORD_S / 2)
        status = stage.phone.ask("GET", "/api/status")
        recorded_s = time.monotonic() - began
        if not status["recording"] or abs(status["duration"] - recorded_s) > ANSWERED_S:
            problems.append(f"{step_s} s set, {recorded_s:.1f} s recorded, told: {status}")
    recorded_s = time.monotonic() - began
    answer = stage.phone.stop(session)
    if abs(answer["duration"] - recorded_s) > ANSWERED_S:
        problems.append(f"{recorded_s:.1f} s were recorded, the answer says {answer['duration']}")
    outcome = Outcome(account.take(stage, [session], prober.stop()))
    outcome.lost_video_s += [gaps_s(found) for found in outcome.account.manifests.values()]
    outcome.account.problems += problems
    return outcome


@scenario("exFAT left dirty by a pull", short=0)
def dirty_exfat(stages: Stages, chance: random.Random) -> Outcome:
    stage = stages.emulated_stage(chance)
    stage.boot()
    prober = stage.prober()
    prober.start()
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    write = "while :; do cp /bin/bash /mnt/sync/.rig; sync /mnt/sync/.rig; rm /mnt/sync/.rig; done"
    stage.controller.run(["systemd-run", "--quiet", "--unit=rig-writer", "sh", "-c", write])
    time.sleep(chance.uniform(1.0, 4.0))
    stage.controller.pull(stage.drive)
    stage.controller.run(["systemctl", "stop", "rig-writer"], check=False)
    was_dirty = _is_dirty(stage.drive)
    stage.controller.plug(stage.drive, 1)
    recover_s = wait_until_healthy(stage)
    stage.phone.stop(session)
    outcome = Outcome(account.take(stage, [session], prober.stop()), [recover_s], [0.0])
    if not was_dirty:
        outcome.account.problems.append("the pull left exFAT clean: nothing was tried")
    return outcome


def _is_dirty(drive: Drive) -> bool:
    with open(drive.image, "rb") as image:
        image.seek(drive.sync.offset + _DIRTY_AT)
        return bool(image.read(1)[0] & _DIRTY)


def _wait_for_rows(controller: Machine) -> int:
    """Rows of the CAN recording, once no more come."""
    count = "cd /mnt/logging/can && cat $(ls raw*.csv | grep -v arrival) | grep -c '^[0-9]'"
    until = time.monotonic() + ROWS_S
    rows = -1
    while time.monotonic() < until:
        before, rows = rows, int(controller.run(["sh", "-c", count], check=False).stdout or 0)
        if rows >= FRAMES or (rows == before and rows > 0):
            break
        time.sleep(2)
    return rows
