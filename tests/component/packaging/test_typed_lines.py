"""Every line that the pages tell people to type is tried here, tried by another test that is named,
or on a list of what no test can try, with the reason."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.component.packaging.machine import Machine, Told
from tests.component.packaging.pages import READ, ROOT, Typed, blocks, named, typed

ALL = [line for page in READ for line in typed(page)]
SERVICES = {"serve", "camera", "listen-can", "subscribe-logs", "watch-mounts"}
WAYS = {
    "api": r"^(curl .*127\.0\.0\.1:8000|UUID=|sleep 8|printf 'time,)",
    "installer": r"^(sudo )?\./install\.sh ",
    "granting": r"^sudo (ctlr-allow-camera|ctlr-mqtt-user|packaging/mosquitto/|cp packaging/mosq)",
    "home": r"^(mkdir -p ~|printf -- '-u |chmod 600 ~)",
    "make": r"^(sudo )?make( |$)",
    "scenario": r"^(sudo )?(\.venv/bin/)?python -m rig ",
    "unit": r"^(sudo )?(systemctl|journalctl) ",
    "rig": r"^((sudo -u ctlr |sudo |\.venv/bin/)?ctlr |curl |cat /tmp/can|for drive in |echo '|script/|sqlite3 )",
}
"""Who tries what: the first that fits. ``api`` is tried by ``tests/e2e/test_readme.py``, ``rig`` by
``tests/e2e/test_pages.py``, all others here."""
NOT_TRIED = {
    "cat /run/ctlr-can/status.json": "an installed listener writes it there; the one of the tests writes in a folder of its own",
    "sudo apt-get install mosquitto": "installs a Debian package",
    "sudo hostnamectl set-hostname melb-01-cam-01": "renames this machine",
    "v4l2-ctl --list-formats-ext": "asks a USB camera",
    "chronyc sources": "asks this machine's chrony",
    "promtool check rules alerts.yml": "a program of Prometheus; CI checks the rules without it",
    "promtool check metrics": "a program of Prometheus",
    "kill -9": "the end of a process that the reader chooses",
    "sudo /opt/ctlr/current/bin/pip install pyarrow": "needs an internet and an installation",
    "ctlr-check-mount logging": "services call it; test_check_mount does too",
    "ctlr-check-mount logging|sync": "the form of the line before",
    "sudo -u ctlr": "names a user, and no program",
    "xxhsum -H2": "names the form of a hash; test_uploads runs xxhsum on a session",
}
"""What no test types, and why."""
NEEDS_INTERNET = r"^pip (download|install) "


def way_of(typed_line: Typed) -> str | None:
    line = typed_line.line
    return next((way for way, pattern in WAYS.items() if re.search(pattern, line)), None)


def lines(way: str) -> list[Typed]:
    return [line for line in ALL if way_of(line) == way]


def test_each_line_is_tried_or_has_a_reason_not_to_be() -> None:
    left = [line for line in ALL if way_of(line) is None]
    unknown = [
        line
        for line in left
        if line.line not in NOT_TRIED and not re.match(NEEDS_INTERNET, line.line)
    ]
    assert unknown == []
    assert {line.line for line in left if line.line in NOT_TRIED} == set(NOT_TRIED)
    assert all(lines(way) for way in WAYS)


def test_no_line_for_a_shell_stands_in_a_block_that_says_otherwise() -> None:
    """A block without a kind is a picture; a line in it would be tried by nobody."""
    shell = re.compile(r"^\s*(\$ |sudo |ctlr |\./install|make |curl )", re.MULTILINE)
    assert [named(page) for page in READ for text in blocks(page, "") if shell.search(text)] == []


@pytest.mark.parametrize("line", sorted({line.line for line in lines("make")}))
def test_make_knows_each_goal(line: str) -> None:
    words = line.removeprefix("sudo ").split()[1:]
    given = {word.partition("=")[0] for word in words if "=" in word}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert {
        name for name in given if f"$({name})" not in makefile and f"$(or $({name})" not in makefile
    } == set()
    dry = subprocess.run(
        ["make", "--dry-run", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert dry.returncode == 0, dry.stderr


@pytest.mark.parametrize("line", sorted({line.line for line in lines("scenario")}))
def test_the_rig_knows_each_scenario_and_option(line: str) -> None:
    words = re.findall(r'"[^"]*"|\S+', line.partition(" -m rig ")[2])
    command = [sys.executable, "-m", "rig", *(word.strip('"') for word in words), "--list"]
    told = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout, "no scenario has such a name"


def test_what_is_to_be_downloaded_is_listed() -> None:
    downloads = [line.line for line in ALL if line.line.startswith("pip download")]
    named_lists = [re.findall(r"-r (\S+)", line) for line in downloads]
    assert named_lists
    assert all((ROOT / name).is_file() for names in named_lists for name in names)


UNITS = {path.stem for path in (ROOT / "packaging/systemd").iterdir()}
OF_DEBIAN = {"mosquitto", "chrony", "systemd-networkd"}
EXAMPLES = {"UNIT", "melb-01-cam-04", "NAME"}


@pytest.mark.parametrize("line", sorted({line.line for line in lines("unit")}))
def test_each_unit_is_one_that_is_installed(line: str) -> None:
    """The rig's machines run the lines themselves, in `install on bare Debian and record`."""
    words = line.removeprefix("sudo ").split()
    units = words[words.index("-u") + 1 : words.index("-u") + 2] if "-u" in words else words[2:]
    names = {unit for unit in units if not unit.startswith("-")}
    kinds = {name if "@" not in name else f"{name.partition('@')[0]}@" for name in names}
    assert kinds <= UNITS | OF_DEBIAN | EXAMPLES, line
    assert {name.partition("@")[2] for name in names if "@" in name} <= EXAMPLES


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_who_may_come_in_is_said_as_printed(tmp_path: Path) -> None:
    """One machine on which the lines that let cameras in are typed, each after the other."""
    prepare = """sudo() { "$@"; }
        PATH=$PATH:/usr/local/sbin; cd /srv
        install -D -m 755 packaging/mosquitto/mqtt-user.sh /usr/local/sbin/ctlr-mqtt-user
        install -D -m 755 packaging/ssh/allow-camera /usr/local/sbin/ctlr-allow-camera
        id ctlr-ingest >/dev/null 2>&1 || useradd --system --user-group ctlr-ingest
        mkdir -p /etc/mosquitto/conf.d /etc/ctlr /var/lib/ctlr-ingest/.ssh"""
    asked = [line.line for line in lines("granting") if " " in line.line.removeprefix("sudo ")]
    first = [line for line in asked if line.startswith("sudo cp") or "packaging/" in line]
    rest = [line for line in asked if line not in first]
    script = "\n".join([prepare, *first, *rest]).replace("NAME", "cam-9")
    told = Machine(tmp_path, ROOT).run("bash", "-euo", "pipefail", "-c", script)
    assert told.status == 0, told
    assert told.stdout.count("CTLR_MQTT__PASSWORD=") >= 3
    assert {"etc/mosquitto/ctlr.acl", "etc/ctlr/mqtt.env"} <= set(told.changed)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_a_camera_of_an_earlier_kind_keeps_its_password_as_printed(tmp_path: Path) -> None:
    script = "\n".join(["export HOME=/root", *(line.line for line in lines("home"))])
    told = Machine(tmp_path, ROOT).run(
        "bash", "-euc", f"{script}\nstat -c %a ~/.config/mosquitto_pub; cat ~/.config/mosquitto_pub"
    )
    assert told.status == 0, told
    assert told.stdout == "600\n-u melb-01-cam-03\n-P PASSWORD\n"


def installing() -> list[str]:
    return sorted({line.line.partition("./install.sh ")[2] for line in lines("installer")})


NOT_ON_THIS_MACHINE = r"/dev/sd|UUID=|LABEL=|--wheels"
"""A drive or a folder of wheels; the rig's machines have both."""


def dry_run(folder: Path, line: str) -> Told:
    """A line as on the machine that its page has in mind: a bare one, a controller or a camera."""
    machine, settings = Machine(folder, ROOT), "/etc/ctlr/ctlr.toml"
    units = "/usr/local/lib/systemd/system"
    if line.startswith("camera --name"):
        machine.write(f"{units}/ctlr-api.service", "")
        machine.write(settings, 'node = "melb-01-ctlr"\n')
    elif line.startswith("camera") and "--controller" not in line:
        machine.write(f"{units}/ctlr-camera.service", "")
        machine.write(
            settings, 'node = "melb-01-cam-03"\n[camera]\ncontroller = "http://ctlr:8000"\n'
        )
    for word, meant in (("NAME", "cam-1"), ("PORT", "8081"), ("--wheels wheels", "--wheels /tmp")):
        line = line.replace(word, meant)
    told = machine.run("./install.sh", *line.split(), "--dry-run")
    assert told.changed == []
    return told


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
@pytest.mark.parametrize("line", installing())
def test_the_installer_takes_each_line_of_the_pages(tmp_path: Path, line: str) -> None:
    """What this machine has not, such as a drive, is as far as a line gets that names it."""
    told = dry_run(tmp_path, line)
    away = "is (no disk partition that is|not) plugged in|is no whole disk|no wheels in"
    if not (re.search(NOT_ON_THIS_MACHINE, line) and re.search(away, told.stderr)):
        assert told.status == 0, told
