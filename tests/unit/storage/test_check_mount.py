"""Whether a transfer may begin. With real mounts: tests/component/drive/test_check_mount.py."""

from pathlib import Path

import pytest

from ctlr.storage import check_mount
from ctlr.storage.drive_file import DriveRecord, write_record


def ask(tmp_path: Path, volume: str = "logging", *, require_mounts: bool = True) -> str | None:
    settings = {
        "storage": {"logging": str(tmp_path / "logging"), "require_mounts": require_mounts},
        "database": {"path": str(tmp_path / "ctlr.db")},
    }
    return check_mount.find_problem(volume, settings)


def test_a_bare_folder_takes_nothing(tmp_path: Path) -> None:
    assert ask(tmp_path) == "it is not mounted"
    assert ask(tmp_path, require_mounts=False) is None


def test_what_the_controller_says_holds(tmp_path: Path) -> None:
    write_record(tmp_path, DriveRecord(("sync",), held={"logging": "it is full"}))
    assert ask(tmp_path, require_mounts=False) == "it is full"
    assert ask(tmp_path, "sync", require_mounts=False) == "it is ejected"


def test_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ctlr.toml"
    config.write_text(f'[storage]\nlogging = "{tmp_path}"\n[database]\npath = "{tmp_path}/db"\n')

    def run(*arguments: str) -> int:
        return check_mount.main(arguments)

    assert run("--config", str(config), "logging") == 1
    assert capsys.readouterr().err.startswith("The logging drive takes nothing now: it is not mou")
    monkeypatch.setenv("CTLR_CONFIG", str(config))
    assert run("logging") == 1
    config.write_text(
        f"{config.read_text()}\n[storage.x]\n".replace("logging =", "require_mounts = false\n#")
    )
    assert run("logging") == 0
    assert run("elsewhere") == 2
    assert run() == 2
    config.write_text("[")
    assert run("logging") == 2
