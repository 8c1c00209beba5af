"""Who takes deliveries may not read the settings, and asks all the same."""

import os
from pathlib import Path

import pytest

from ctlr.storage.check_mount import main


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(("required", "code"), [("false", 0), ("true", 1)])
def test_the_public_part_stands_for_settings_that_may_not_be_read(
    tmp_path: Path, required: str, code: int
) -> None:
    os.chmod(tmp_path, 0o755)
    (tmp_path / "ctlr.toml").touch(mode=0o600)
    told = f'[storage]\nlogging = "{tmp_path}/nothing"\nrequire_mounts = {required}\n'
    (tmp_path / "delivery.toml").write_text(f'{told}[database]\npath = "state/ctlr.db"\n')
    child = os.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.setgid(12345)
        os.setuid(12345)
        os._exit(main(["--config", "ctlr.toml", "logging"]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code
