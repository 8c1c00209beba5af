from pathlib import Path

import pytest

from ctlr.camera.rsync import RsyncError, build_command, destination, send

SPOOL = Path("/spool")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("rsync://ctlr/logging/", "rsync://ctlr/logging/cam-01/"),
        ("rsync://ctlr:8730/logging", "rsync://ctlr:8730/logging/cam-01/"),
        ("pi@ctlr:/mnt/logging/", "pi@ctlr:/mnt/logging/cam-01/"),
        ("pi@ctlr:", "pi@ctlr:cam-01/"),
        ("/srv/logging", "/srv/logging/cam-01/"),
    ],
)
def test_destination(target: str, expected: str) -> None:
    assert destination(target, "cam-01") == expected


def _command(target: str, ssh_config: Path | None = None) -> list[str]:
    return build_command(SPOOL, "u", ["seg_0000.mp4"], target, "cam-01", ssh_config)


def test_files_are_named_from_the_session_on() -> None:
    assert _command("/srv")[-3:] == ["--", "/spool/./u/seg_0000.mp4", "/srv/cam-01/"]


def test_each_kind_of_target_gets_its_connection_options() -> None:
    daemon, ssh, local = map(_command, ("rsync://ctlr/logging/", "pi@ctlr:/mnt", "/srv/a:b"))
    assert "--contimeout=10" in daemon
    assert not any(word.startswith("--rsh") for word in daemon + local)
    assert any("BatchMode=yes" in word for word in ssh if word.startswith("--rsh"))
    assert not any(word.startswith("--contimeout") for word in ssh + local)


def test_an_ssh_configuration_is_handed_on() -> None:
    command = _command("pi@ctlr:/mnt", Path("/etc/ctlr/ssh config"))
    assert any(word.endswith("-F '/etc/ctlr/ssh config'") for word in command)


@pytest.mark.parametrize("option", ["--delete", "--remove-source-files", "--inplace", "--append"])
def test_nothing_is_ever_deleted_or_written_in_place(option: str) -> None:
    assert not any(word.startswith(option) for word in _command("rsync://ctlr/logging/"))


async def test_a_failure_names_its_cause(tmp_path: Path) -> None:
    command = build_command(tmp_path, "u", ["seg_0000.mp4"], str(tmp_path / "gone"), "c", None)
    with pytest.raises(RsyncError, match=r"code \d+: .*(mkdir|change_dir|link_stat).*failed"):
        await send(command)
