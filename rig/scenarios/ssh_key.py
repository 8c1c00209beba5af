"""A camera that delivers over SSH; its key is stolen and tried on everything else."""

import random
import re

from rig import account
from rig.machine import Machine
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.install import RECORD_S, record
from rig.stage import CONTROLLER, INSTALLER

_SSH = ("ssh", "-F", "/etc/ctlr/ssh_config", "-o", "BatchMode=yes")
_SSH_OPTIONS = " ".join([*_SSH, "-o", "StrictHostKeyChecking=accept-new"])
_WHO = f"ctlr-ingest@{CONTROLLER}"
_MISUSES = {
    "a shell": f"{_SSH_OPTIONS} {_WHO} id",
    "a terminal": f"{_SSH_OPTIONS} -tt {_WHO}",
    "a forwarded port": f"{_SSH_OPTIONS} -o ExitOnForwardFailure=yes -N -R 9999:127.0.0.1:1 {_WHO}",
    "sftp": f"sftp -F /etc/ctlr/ssh_config -b /dev/null {_WHO}",
    "reading": f"rsync -e '{_SSH_OPTIONS}' -r {_WHO}:/mnt/logging/cam-1/ /tmp/stolen/",
    "another camera's folder": f"rsync -e '{_SSH_OPTIONS}' /etc/hostname {_WHO}:../cam-2/planted",
    "deleting": f"rsync -e '{_SSH_OPTIONS}' -r --delete /etc/chrony/ {_WHO}:/mnt/logging/cam-1/",
}
_STATE = "cd /mnt/logging && find cam-1 cam-2 -type f -exec sha256sum {} + | sort; ls -d /mnt/logging/cam-2/planted"


@scenario("delivery over SSH, and what else the key opens")
def camera_key(stages: Stages, _chance: random.Random) -> Outcome:
    stage = stages.installed_stage()
    stage.boot()
    camera = stage.cameras[0]
    _deliver_by_ssh(stage.controller, camera)
    prober = stage.prober()
    prober.start()
    session = record(stage, RECORD_S)
    stage.phone.wait_until_done(session)
    problems = _try_everything(stage.controller, camera)
    stage.controller.run(["ctlr-allow-camera", "--remove", camera.name])
    refused = _as_camera(
        camera, f"rsync -e '{_SSH_OPTIONS}' /etc/hostname {_WHO}:/mnt/logging/cam-1/x"
    )
    problems += [] if refused else ["a key that was taken back still opens"]
    outcome = Outcome(account.take(stage, [session], prober.stop()))
    outcome.account.problems += problems
    return outcome


def _deliver_by_ssh(controller: Machine, camera: Machine) -> None:
    said = camera.run(
        [INSTALLER, "camera", "--controller", CONTROLLER, "--ssh", "--wheels", "/srv/wheels"],
        deadline_s=300,
    ).stdout
    key = re.search(r"ctlr-allow-camera cam-1 '(ssh-ed25519 \S+)'", said)
    assert key, said
    let_in = controller.run(["ctlr-allow-camera", camera.name, key[1]]).stdout
    lines = [line for line in let_in.splitlines() if line.startswith("CTLR_MQTT__")]
    assert len(lines) == 2, let_in
    camera.run(["tee", "/etc/ctlr/mqtt.env"], stdin="\n".join([*lines, ""]))
    settings = camera.run(["cat", "/etc/ctlr/ctlr.toml"]).stdout.splitlines()
    for line in (f'target = "{_WHO}:/mnt/logging/"', 'ssh_config = "/etc/ctlr/ssh_config"'):
        assert settings.count(line) == 1, settings
    camera.run(["systemctl", "restart", "ctlr-camera"])


def _try_everything(controller: Machine, camera: Machine) -> list[str]:
    before = controller.run(["sh", "-c", _STATE], check=False).stdout
    problems = [
        f"the key opens {what}"
        for what, command in _MISUSES.items()
        if not _as_camera(camera, command)
    ]
    if camera.run(["ls", "/tmp/stolen"], check=False).stdout:
        problems.append("the key reads recordings")
    after = controller.run(["sh", "-c", _STATE], check=False).stdout
    if changed := sorted(set(before.splitlines()) ^ set(after.splitlines())):
        problems.append(f"the key has changed what was recorded: {changed}")
    return problems


def _as_camera(camera: Machine, command: str) -> bool:
    """Whether it was refused."""
    done = camera.run(
        ["runuser", "-u", "ctlr", "--", "timeout", "20", "sh", "-c", command], check=False
    )
    return done.returncode != 0
