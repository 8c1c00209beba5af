"""The installer on a machine that is compared before and after: what it refuses changes nothing,
what it would change when it is run again, and a camera that stands on its controller."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.component.packaging.machine import Machine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
ROOT = Path(__file__).parents[3]
UNITS = "/usr/local/lib/systemd/system"
CONTROLLER = """\
node = "melb-01-ctlr"  # on the box
nodes = ["melb-01-cam-01:8080"]

[storage]
logging_device = "UUID=0a"
sync_device = "LABEL=sync"
"""
CAMERA = """\
node = "melb-01-cam-01"
[mqtt]
host = "melb-01-ctlr"
[camera]
source = "v4l2"
device = "/dev/video0"
controller = "http://melb-01-ctlr:8000"
target = "rsync://melb-01-ctlr/logging/"
fps = 25
"""
MISTYPED = [
    "camera --controller --dry-run",
    "camera --dry-run --controller",
    "camera --controller",
    "camera --controller http://melb-01-ctlr",
    "camera --controller melb-01-ctlr:8000",
    "camera --controller -h",
    "camera --controller melb_01",
    "camera --controller 10.0.0.300",
    "camera --controller localhost",
    "camera --controller ctlr --source film",
    "camera --controller ctlr --source rtsp",
    "camera --controller ctlr --source v4l2 --device video0",
    "camera --controller ctlr --device /dev/video0",
    "camera --controller ctlr --name can",
    "camera --controller ctlr --name Cam-1",
    "camera --controller ctlr --port 80800",
    "camera --controller ctlr --controller other",
    "camera --controller ctlr --sync-device /dev/sda2",
    "camera --controller ctlr --dryrun",
    "camera --another --name cam-2 --port 8081",
    "camera --another --port 8081",
    "controller camera --controller ctlr",
    "controller --controller ctlr",
    "controller --ssh",
    "controller --yes",
    "controller --format-disk --yes",
    "controller --format-disk /dev/null --yes",
    "controller --format-disk /dev/null --yes --logging-device UUID=0a",
    "controller --logging-device sda1",
    "controller --logging-device /dev/nothing",
    "controller --sync-device UUID=12-34",
    "controller --wheels /etc",
    "controller --wheel /etc/passwd",
    "contoller",
    "--uninstall camera",
    "--uninstall --name cam-1",
    "",
    # dashes that a keyboard or a web page has made of two hyphens
    "camera \N{EN DASH}controller ctlr",
    "camera \N{EM DASH}controller ctlr",
    "camera \N{MINUS SIGN}\N{MINUS SIGN}controller ctlr",
    "camera --controller ctlr \N{EM DASH}dry-run",
    "camera --controller \N{EN DASH}\N{EN DASH}dry-run",
    "camera -controller ctlr",
    # a value that is not where it belongs, or is none
    "camera --controller= ctlr",
    "camera --controller=ctlr",
    "camera --controller ''",
    "camera --controller ' '",
    "camera --controller ctlr --name=",
    "camera --controller ctlr --port=8081",
    # twice
    "camera camera --controller ctlr",
    "camera --controller ctlr --ssh --ssh",
    "camera --controller ctlr --name cam-1 --name cam-1",
    "camera --another --another --name cam-2 --port 8081",
    "controller --format-disk /dev/null --yes --yes",
    # what a shell leaves of a line that was cut or continued
    "camera --controller 'ctlr\\'",
    "camera --controller ctlr '\\'",
    "camera --controller ctlr --source v4l2 --device '/dev/video0\\'",
    # spaces
    "camera --controller 'melb-01 ctlr'",
    "camera --controller ' ctlr'",
    "camera --controller ctlr --name 'cam 1'",
    "camera --controller ctlr --port '80 81'",
    "camera --controller ctlr --source 'v4l2 '",
    "camera --controller ctlr --source v4l2 --device '/dev/video 0'",
    "camera --controller ctlr --source v4l2 --device '/dev/video0\nport = 1'",
    "camera --controller ctlr --source rtsp --device 'rtsp://10.0.0.5/a b'",
    "'camera --controller ctlr'",
    "controller --sync-device 'LABEL=my drive'",
    # addresses that are no name or address of a controller
    "camera --controller fd00::10",
    "camera --controller [fd00::10]",
    "camera --controller [fd00::10]:8000",
    "camera --controller 10.0.0.10:8000",
    "camera --controller ctlr.",
    "camera --controller ctlr/",
    "camera --controller pi@ctlr",
    "camera --controller 010.0.0.10",
    "camera --controller 0.0.0.0",
    "camera --controller LOCALHOST",
    # capitals
    "Camera --controller ctlr",
    "CAMERA --controller ctlr",
    "camera --CONTROLLER ctlr",
    "camera --controller ctlr --name CAM-1",
    "camera --controller ctlr --source V4L2",
    "controller --name Melb-01-Ctlr",
    "controller --logging-device label=logging",
]
ON_A_CAMERA = [
    "controller",
    "camera --name melb-01-cam-02",
    "camera --another --name melb-01-cam-02 --port 8080",
    "camera --another --name melb-01-cam-02 --port 8081 --source v4l2",
    "camera --another --name melb-01-cam-01 --port 8081",
    "camera --another --name b --port 8081 --controller other-ctlr",
    "camera --source rtsp",
    "camera --device film",
]
ON_A_CONTROLLER = [
    "camera --controller melb-01-ctlr",
    "camera --name melb-01-ctlr",
    "camera --name cam-9 --controller other-ctlr",
    "camera --name cam-9 --ssh",
    "camera --name delivery",
    "camera --name cam-9 --port 8000",
    "controller --name other",
    "controller --sync-device /dev/nothing",
]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, ROOT)


def a_camera(machine: Machine, settings: str = CAMERA) -> None:
    machine.write(f"{UNITS}/ctlr-camera.service", "")
    machine.write("/etc/ctlr/ctlr.toml", settings)


def a_controller(machine: Machine, settings: str = CONTROLLER) -> None:
    machine.write(f"{UNITS}/ctlr-api.service", "")
    machine.write("/etc/ctlr/ctlr.toml", settings)


def refused_unchanged(machine: Machine, line: str) -> str:
    told = machine.run("./install.sh", *shlex.split(line))
    assert told.status in {1, 2}, told
    assert told.changed == []
    assert told.stdout == ""
    assert told.stderr.startswith(("install.sh: ", "/etc/ctlr/")), told
    return told.stderr


def test_a_change_of_the_machine_is_seen(machine: Machine) -> None:
    told = machine.run("touch", "/etc/passwd")
    assert (told.status, told.changed) == (0, ["etc", "etc/passwd"])


@pytest.mark.parametrize("line", MISTYPED)
def test_a_mistyped_line_changes_nothing(machine: Machine, line: str) -> None:
    refused_unchanged(machine, line)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("camera --controller=ctlr", "a value stands after a space: --controller VALUE"),
        ("camera --controller ctlr \N{EM DASH}dry-run", "options begin with two plain hyphens"),
        ("camera -controller ctlr", "options begin with two plain hyphens"),
        ("camera --controller fd00::10", "give an IPv6 address a name in /etc/hosts"),
        ("camera --controller ctlr:8000", "without a port"),
    ],
)
def test_what_was_meant_is_told(machine: Machine, line: str, says: str) -> None:
    assert says in refused_unchanged(machine, line)


def test_a_hosts_name_in_capitals_is_the_same_host(machine: Machine) -> None:
    a_camera(machine)
    told = machine.run("./install.sh", "camera", "--dry-run", "--controller", "MELB-01-CTLR")
    assert told.status == 0, told
    assert "/etc/ctlr/ctlr.toml" not in told.stdout


@pytest.mark.parametrize("line", ON_A_CAMERA)
def test_what_does_not_fit_an_installed_camera_changes_nothing(machine: Machine, line: str) -> None:
    a_camera(machine)
    refused_unchanged(machine, line)


@pytest.mark.parametrize("line", ON_A_CONTROLLER)
def test_what_does_not_fit_an_installed_controller_changes_nothing(
    machine: Machine, line: str
) -> None:
    a_controller(machine)
    refused_unchanged(machine, line)


@pytest.mark.parametrize("role", ["controller", "camera --controller ctlr"])
def test_a_dry_run_changes_nothing_wherever_it_is_said(machine: Machine, role: str) -> None:
    for line in (f"{role} --dry-run", f"--dry-run {role}"):
        told = machine.run("./install.sh", *line.split())
        assert told.status == 0, told
        assert "changes would be made; none was" in told.stdout
        assert told.changed == []


def test_a_camera_on_the_controller_leaves_clock_and_settings_alone(machine: Machine) -> None:
    a_controller(machine)
    told = machine.run("./install.sh", "camera", "--name", "cam-9", "--dry-run")
    assert told.status == 0, told
    assert "would write /etc/ctlr/cam-9.toml" in told.stdout
    assert "would enable ctlr-camera@cam-9" in told.stdout
    assert "would let cam-9 in at the broker" in told.stdout
    assert "write /etc/chrony" not in told.stdout
    assert "/etc/ctlr/ctlr.toml" not in told.stdout
    assert "ctlr-camera.service" not in told.stdout


def test_one_more_camera_has_its_own_settings_and_unit(machine: Machine) -> None:
    a_camera(machine)
    line = "camera --another --name cam-2 --port 8081 --source v4l2 --device /dev/video2 --dry-run"
    told = machine.run("./install.sh", *line.split())
    assert told.status == 0, told
    assert "would write /etc/ctlr/cam-2.toml" in told.stdout
    assert "would enable ctlr-camera@cam-2" in told.stdout
    assert "/etc/ctlr/ctlr.toml" not in told.stdout
    assert "write /etc/chrony" not in told.stdout


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ("", False),
        ("--controller melb-01-ctlr", False),
        ("--controller other-ctlr", True),
        ("--device /dev/video2", True),
        ("--source test", True),
        ("--port 8090", True),
        ("--ssh", True),
    ],
)
def test_again_with_another_value_changes_the_settings(
    machine: Machine, options: str, *, changes: bool
) -> None:
    a_camera(machine)
    told = machine.run("./install.sh", "camera", "--dry-run", *options.split())
    assert told.status == 0, told
    assert ("would write /etc/ctlr/ctlr.toml\n" in told.stdout) is changes


def test_a_place_of_ones_own_is_refused_with_the_keys(machine: Machine) -> None:
    a_camera(machine, CAMERA.replace("rsync://melb-01-ctlr/logging/", "pi@melb-01-ctlr:/data/"))
    said = refused_unchanged(machine, "camera --controller other-ctlr")
    assert all(key in said for key in ("target", "controller", "host"))
    told = machine.run("./install.sh", "camera", "--device", "/dev/video2", "--dry-run")
    assert told.status == 0, told


def test_settings_that_are_no_toml_are_refused(machine: Machine) -> None:
    a_controller(machine, 'node = "melb-01-ctlr\n')
    assert "is not TOML" in refused_unchanged(machine, "controller")


def test_settings_of_another_role_are_refused(machine: Machine) -> None:
    machine.write("/etc/ctlr/ctlr.toml", CONTROLLER)
    assert "not a camera's" in refused_unchanged(machine, "camera --controller melb-01-ctlr")


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="mosquitto is not installed")
def test_a_camera_that_has_a_password_is_told_how_to_get_a_new_one(machine: Machine) -> None:
    told = machine.run(
        "sh",
        "-ec",
        """PATH=$PATH:/usr/local/sbin
        install -D -m 755 packaging/mosquitto/mqtt-user.sh /usr/local/sbin/ctlr-mqtt-user
        install -D packaging/mosquitto/ctlr.acl /etc/mosquitto/ctlr.acl
        for option in "" "" --renew; do sh packaging/ssh/allow-camera $option cam-1; done""",
    )
    assert told.status == 0, told
    passwords = re.findall(r"^CTLR_MQTT__PASSWORD=(\w+)$", told.stdout, re.MULTILINE)
    assert len(set(passwords)) == 2
    assert told.stdout.count("sudo ctlr-allow-camera --renew cam-1") == 1


def test_a_wheel_can_be_built_of_what_the_installer_copies(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    script = f"checkout={ROOT}; . {ROOT}/packaging/install/common.sh; copy_sources {sources}"
    subprocess.run(["bash", "-euc", script], check=True, timeout=60)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(build, cwd=sources, check=True, timeout=100)
    [wheel] = (sources / "dist").glob("ctlr-*.whl")
    assert "ctlr/__main__.py" in zipfile.ZipFile(wheel).namelist()
