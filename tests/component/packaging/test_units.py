"""The units as systemd reads them: without a mistake, no more exposed than they must be."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "packaging" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
LASTING = ["can-listener", "ctlr-api", "ctlr-camera", "log-subscriber", "mount-watcher"]
MOST_EXPOSED, HELPER_MOST_EXPOSED = 1.5, 4.0
"""systemd's own measure, from 0 (nothing is possible) to 10. The helper mounts for the whole machine,
so it has no view of its own."""
HELPER = "ctlr-privileged@.service"
NO_MOUNT_TABLE_OF_ITS_OWN = {"ProtectClock", "ProtectHostname"}

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


def read_unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names have capitals
    parser.read(UNITS / name)
    return parser


@needs_systemd
def test_systemd_finds_no_mistake(tmp_path: Path) -> None:
    for name in ("ctlr", "ctlr-privileged"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    placed = []
    for unit in UNITS.iterdir():
        text = unit.read_text("utf-8").replace("/opt/ctlr/current/bin", str(tmp_path / "bin"))
        (tmp_path / unit.name).write_text(text)
        placed.append(tmp_path / unit.name)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *placed],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in said.stderr.splitlines() if str(tmp_path) in line or "ctlr" in line]
    assert (ours, said.returncode) == ([], 0)


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_no_more_exposed_than_it_must_be(name: str) -> None:
    limit = round((HELPER_MOST_EXPOSED if name == HELPER else MOST_EXPOSED) * 10)
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={limit}", UNITS / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("name", [*LASTING, "ctlr-camera@", "ctlr-rsyncd"])
def test_what_a_service_may_use_up_is_bounded(name: str) -> None:
    service = read_unit(f"{name}.service")["Service"]
    assert 1024 <= int(service["LimitNOFILE"]) <= 65536
    assert int(service["TasksMax"]) <= 1024
    high, most = service["MemoryHigh"], service["MemoryMax"]
    assert high[-1] == most[-1]
    assert 0 < int(high[:-1]) < int(most[:-1]) < 1000


def test_a_call_that_is_not_allowed_fails_and_does_not_kill() -> None:
    """A library may try what it can do without, such as another priority for a thread."""
    filters = {name: (UNITS / name).read_text("utf-8") for name in SERVICES}
    bounded = [name for name, text in filters.items() if " @resources\n" in text]
    assert len(bounded) >= 3
    for name in bounded:
        assert read_unit(name)["Service"]["SystemCallErrorNumber"] == "EPERM", name


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_service_says_that_it_lives_and_is_started_again(name: str) -> None:
    service = read_unit(f"{name}.service")["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 30
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "2"  # a configuration that cannot be used
    assert service["User"] == "ctlr"


@pytest.mark.parametrize("name", [*LASTING, "ctlr-rsyncd"])
def test_what_uses_the_drive_ends_before_it_is_unmounted(name: str) -> None:
    after = (UNITS / f"{name}.service").read_text("utf-8")
    assert ("After=mnt-logging.mount" in after) == (name != "ctlr-camera")


def test_a_further_camera_differs_in_its_name_alone() -> None:
    """One of several on a machine: its settings, its password and its log spool bear its name."""
    first, further = read_unit("ctlr-camera.service"), read_unit("ctlr-camera@.service")
    service = {**further["Service"]}
    assert service.pop("Environment") == "CTLR_MQTT__SPOOL=/var/lib/ctlr/mqtt-spool-%i.db"
    assert service.pop("ExecStart").endswith("ctlr --config /etc/ctlr/%i.toml camera")
    assert service.pop("EnvironmentFile") == "-/etc/ctlr/mqtt-%i.env"  # wins over mqtt.env
    own = {"ExecStart", "EnvironmentFile"}
    assert service == {k: v for k, v in first["Service"].items() if k not in own}
    assert further["Install"] == first["Install"]
    assert "ctlr-camera.service" in further["Unit"]["After"]


def test_the_privileged_program_lives_in_the_mounts_of_the_whole_machine() -> None:
    service = read_unit(HELPER)["Service"]
    views = {key for key in service if key.startswith(("Private", "Protect", "ReadWrite", "ProcS"))}
    assert views <= NO_MOUNT_TABLE_OF_ITS_OWN


def test_the_camera_comes_before_all_else_and_the_api_before_its_joins() -> None:
    nice = {
        name: int(read_unit(f"{name}.service")["Service"]["Nice"])
        for name in LASTING
        if name != "mount-watcher"
    }
    assert nice["ctlr-camera"] < nice["ctlr-api"] < 0 < nice["log-subscriber"]


def test_the_api_need_not_share_with_all_other_services_what_the_first_process_leaves() -> None:
    assert read_unit("ctlr-api.service")["Service"]["Slice"] == "ctlr.slice"
    assert int(read_unit("ctlr.slice")["Slice"]["CPUWeight"]) > 100  # init.scope's, system.slice's
