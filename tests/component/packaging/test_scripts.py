"""The shell scripts: linted, and what they refuse before they touch anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INSTALLER = ROOT / "install.sh"
SCRIPTS = [
    INSTALLER,
    *sorted((ROOT / "script").glob("*.sh")),
    ROOT / "packaging/ssh/receive",
    ROOT / "packaging/ssh/allow-camera",
    ROOT / "packaging/mosquitto/mqtt-user.sh",
]


def install(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", INSTALLER, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_linter_finds_nothing_in_a_script(script: Path) -> None:
    said = subprocess.run(
        ["shellcheck", "--external-sources", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert said.stdout == ""


def test_its_help_names_every_option() -> None:
    text = install("--help").stdout
    source = (ROOT / "packaging/install/arguments.sh").read_text("utf-8")
    cases = source[source.index("case $1 in") : source.index("esac")]
    options = {
        word for word in cases.replace("|", " ").replace(")", " ").split() if word[:2] == "--"
    }
    assert options
    assert [option for option in sorted(options - {"--help"}) if option not in text] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "controller or camera"),
        (["controller", "camera"], "one role"),
        (["camera"], "--controller"),
        (["camera", "--controller"], "needs a value"),
        (["camera", "--controller", 'a"; reboot'], "no host name"),
        (["camera", "--controller", "ctlr", "--source", "film"], "no camera source"),
        (["camera", "--controller", "ctlr", "--sync-device", "/dev/sda2"], "no drive"),
        (["controller", "--name", "Melbourne 1"], "no node name"),
        (["controller", "--wheels", "/nowhere"], "no folder"),
        (["controller", "--fast"], "--fast"),
    ],
)
def test_a_wrong_command_is_refused_with_its_reason(arguments: list[str], reason: str) -> None:
    said = install(*arguments)
    assert said.returncode == 2
    assert reason in said.stderr
    assert said.stdout == ""
