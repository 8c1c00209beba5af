"""The installer run again with other values: each changes all that it stands for, or nothing."""

import random

from rig import account
from rig.machine import Machine
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.install import RECORD_S, record
from rig.scenarios.pull import wait_until_healthy
from rig.stage import CONTROLLER_UNITS, INSTALLER, install, wait_until_active

_SETTINGS = "/etc/ctlr/ctlr.toml"
_CHRONY = "/etc/chrony/conf.d/ctlr.conf"
_MOUNTS = "/usr/local/lib/systemd/system/mnt-*.mount"
_PORT = 8090
_OWN_PLACE = "pi@elsewhere:/data/"


@scenario("install again with other values")
def other_values(stages: Stages, _chance: random.Random) -> Outcome:
    stage = stages.installed_stage()
    stage.boot()
    controller, (camera, other) = stage.controller, stage.cameras
    address = controller.address
    _refuses_a_place_of_ones_own(other)
    install(camera, "camera", "--controller", address, "--port", str(_PORT))
    _is_all_of(camera, address)
    wait_until_active(camera, ["ctlr-camera", "chrony"])
    assert install(camera, "camera", "--controller", address) == "Nothing to change.\n"
    _expect_it_there(controller, camera)
    install(
        controller, "controller", "--logging-device", "LABEL=logging", "--sync-device", "LABEL=sync"
    )
    _knows_its_drive_by_label(controller)
    wait_until_active(controller, CONTROLLER_UNITS, stage.up_deadline_s)
    wait_until_healthy(stage)
    stage.phone.wait_until_ready(len(stage.cameras))
    prober = stage.prober()
    prober.start()
    session = record(stage, RECORD_S)
    stage.phone.wait_until_done(session)
    outcome = Outcome(account.take(stage, [session], prober.stop()))
    if not outcome.account.manifests.get(session, {}).get("complete"):
        outcome.account.problems.append("the session is not complete")
    return outcome


def _refuses_a_place_of_ones_own(camera: Machine) -> None:
    """What somebody has set otherwise is named, and nothing is half changed."""
    kept = f's|^target = .*|target = "{_OWN_PLACE}"|'
    before = _text(camera, _SETTINGS)
    camera.run(["sed", "-i", kept, _SETTINGS])
    state = f"sha256sum {_SETTINGS} {_CHRONY}; systemctl show -P InvocationID ctlr-camera chrony"
    told = camera.run(["sh", "-c", state]).stdout
    refused = camera.run([INSTALLER, "camera", "--controller", "elsewhere"], check=False)
    assert refused.returncode == 1, refused
    assert all(word in refused.stderr for word in (_OWN_PLACE, "target", "controller", "host"))
    assert camera.run(["sh", "-c", state]).stdout == told
    camera.run(["tee", _SETTINGS], stdin=before)


def _is_all_of(camera: Machine, address: str) -> None:
    """Clock, broker, reports and deliveries are those of the new address, and the port is the new."""
    settings = _text(camera, _SETTINGS).splitlines()
    for line in (
        f'host = "{address}"',
        f'controller = "http://{address}:8000"',
        f'target = "rsync://{address}/logging/"',
        f"port = {_PORT}",
    ):
        assert settings.count(line) == 1, (line, settings)
    assert f"server {address} " in _text(camera, _CHRONY)


def _expect_it_there(controller: Machine, camera: Machine) -> None:
    """The controller finds a camera where its settings say."""
    new = f'{{ name = "{camera.name}", address = "{camera.name}:{_PORT}" }}'
    controller.run(["sed", "-i", f's|"{camera.name}:8080"|{new}|', _SETTINGS])
    controller.run(["ctlr", "check-config"])
    controller.run(["systemctl", "restart", "ctlr-api"])


def _knows_its_drive_by_label(controller: Machine) -> None:
    settings = _text(controller, _SETTINGS)
    for volume in ("logging", "sync"):
        assert f'{volume}_device = "LABEL={volume}"' in settings, settings
        assert f"What=/dev/disk/by-label/{volume}" in _text(controller, _MOUNTS)


def _text(machine: Machine, path: str) -> str:
    return machine.run(["sh", "-c", f"cat {path}"]).stdout
