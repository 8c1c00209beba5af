"""Requests made from the API's own description, good and bad ones, against a real controller.

Bounded so that it fits a test run: a longer hunt is the same command with more examples.
"""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import running, settings_in

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
EXAMPLES = 20
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


EXPECTED = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 507]
"""
"""A drive that a request has unmounted is away for those that follow; which of them may say so, the
description tells and ``status_code_conformance`` holds. Any other 5xx is a defect."""


async def fuzz(url: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of a run in ``folder``."""
    (folder / "schemathesis.toml").write_text(EXPECTED)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "run", str(DOCUMENT), "--url", url),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none"),
        *("--suppress-health-check", "all", "--request-timeout", "10", "--warnings", "off"),
        *("--continue-on-failure", "--no-color"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, output.decode()


@pytest.mark.timeout(180)
async def test_no_request_breaks_the_controller_or_leaves_its_folders(tmp_path: Path) -> None:
    rig = tmp_path / "rig"
    here = tmp_path / "fuzzer"
    here.mkdir()
    async with (
        CameraNode("cam-01") as node,
        running(settings_in(rig, [node.address])) as controller,
    ):
        code, output = await fuzz(controller.url, here)
        assert code == 0, output
        (await controller.get("/health")).expect()
        await controller.status()
    written = {path.relative_to(rig).parts[0] for path in rig.rglob("*") if path.is_file()}
    ours = ("ctlr.db", "mqtt-spool", "drive.", "probe-", "volumes.json")
    strangers = {name for name in written - {"logging", "sync"} if not name.startswith(ours)}
    assert strangers == set()
    assert {path.name for path in tmp_path.iterdir()} == {"rig", "fuzzer"}
