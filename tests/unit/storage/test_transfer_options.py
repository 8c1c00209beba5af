"""What a camera's rsync may ask for, and what it may not."""

import shlex

import pytest

from ctlr.camera.rsync import build_command
from ctlr.storage.check_mount import find_refused_option
from ctlr.storage.transfer_options import arguments_of, find_refused


@pytest.mark.parametrize(
    "command",
    [
        "--server -logDtpre.iLsfxCIvu . cam-01/",
        "--server -vvlogDtprze.iLsfxCIvu --remove-source-files . cam-01/",
        "--server -tORe.LsfxCIvu --timeout=30 --partial-dir .rsync-partial . cam-01/",
        "--server -vlogDtprzce.iLsfxCIvu --partial --partial-dir=.rsync-partial/ . cam-01/",
        "--server -slogDtpre.iLsfxCIvu --bwlimit=500 --size-only --no-W . cam-01/",
        "--server -aHe.iLsfxCIvu --log-format=%i --stats --delay-updates --partial-dir .~tmp~ . x/",
        "--server -re.iLs --no-implied-dirs --no-r --iconv=utf-8 --ignore-existing --mkpath . x/",
    ],
)
def test_what_cameras_send_passes(command: str) -> None:
    assert find_refused(shlex.split(command)) is None


@pytest.mark.parametrize(
    ("option", "named"),
    [
        *((f"--{name}", f"--{name}") for name in (
            "force", "delete", "delete-after", "del", "delete-missing-args", "ignore-errors",
            "inplace", "append", "append-verify", "backup", "write-devices", "copy-devices", "super",
            "fake-super", "acls", "xattrs", "fuzzy", "keep-dirlinks", "insecure-links", "sender",
            "daemon", "ignore-times", "only-write-batch", "an-option-of-tomorrow",
        )),
        *((f"--{name}=1", f"--{name}") for name in (
            "block-size", "max-delete", "suffix", "temp-dir", "compare-dest", "copy-dest",
            "link-dest", "checksum-seed", "max-alloc", "usermap", "groupmap", "chown", "copy-as",
            "read-batch", "write-batch", "files-from", "backup-dir", "log-file", "config",
        )),
        ("-logDtprIe.iLs", "-I"), ("-B1", "-B"), ("-bre.", "-b"), ("-rKe.", "-K"), ("-rAe.", "-A"),
        ("-rXe.", "-X"), ("-rye.", "-y"), ("-T", "-T"), ("-M--force", "-M"), ("-f", "-f"),
        ("--partial-dir=/cam-02/u", "--partial-dir=/cam-02/u"),
        ("--partial-dir ../../cam-02/u", "--partial-dir=../../cam-02/u"),
        ("--partial-dir=.takes", "--partial-dir=.takes"),
        ("--partial-dir=can", "--partial-dir=can"),
        ("--partial-dir=3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f",
         "--partial-dir=3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"),
        ("--partial-dir -x", "--partial-dir=-x"),
        ("--timeout --force", "--force"),
    ],
)  # fmt: skip
def test_what_deletes_replaces_or_reads_is_refused_by_name(option: str, named: str) -> None:
    for place in (f"--server -re.iLs {option}", f"--server {option} -re.iLs . cam-01/"):
        assert find_refused(shlex.split(place)) == named


def test_a_camera_of_ours_asks_for_nothing_else(tmp_path: object) -> None:
    """The client's own words; what it makes of them for the server is tested with a real rsync."""
    command = build_command(tmp_path, "u", ["a"], "rsync://ctlr/logging/", "cam-01", None)  # type: ignore[arg-type]
    options = [word for word in command[1:] if word.startswith("--") and word != "--"]
    assert find_refused([word for word in options if "contimeout" not in word]) is None


def test_the_daemon_and_a_key_ask_alike() -> None:
    told = {"RSYNC_ARG0": "rsyncd", "RSYNC_ARG1": "--server", "RSYNC_ARG2": "--force"}
    assert arguments_of(told) == ["--server", "--force"]
    assert arguments_of({}) is None
    assert find_refused_option(told) == "--force"
    assert find_refused_option({"SSH_ORIGINAL_COMMAND": "rsync --server --force . x"}) == "--force"
    assert find_refused_option({"SSH_ORIGINAL_COMMAND": "rsync --server -re.iLs . x"}) is None
    assert find_refused_option({"SSH_ORIGINAL_COMMAND": "rsync 'open"})
    assert find_refused_option({}) is None
