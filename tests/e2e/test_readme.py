"""The lines of the README's API section, run as printed against a demo that stays up."""

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import tutorial
from tests.e2e.programs import demo, processes_left, read_until

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8000"
MARK = "---answered---"
ANYTHING = "…"


def api_lines() -> list[str]:
    """The shell lines of the section, and below each ``curl`` a comment with its answer."""
    section = README.read_text("utf-8").partition("\n## API\n")[2].partition("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert block
    return [line for line in block[1].splitlines() if line]


def stated_answers(lines: list[str]) -> list[Any]:
    return [json.loads(line[2:]) for line in lines if line.startswith('# {"')]


def fits(stated: Any, answer: Any) -> bool:
    """Whether an answer has everything that is stated; ``…`` stands for anything."""
    if stated == ANYTHING:
        return True
    if isinstance(stated, dict):
        return isinstance(answer, dict) and all(
            key in answer and fits(value, answer[key]) for key, value in stated.items()
        )
    if isinstance(stated, list) and stated and stated[-1] == ANYTHING:
        stated = stated[:-1]
        return isinstance(answer, list) and all(map(fits, stated, answer))
    if isinstance(stated, list):
        return isinstance(answer, list) and len(stated) == len(answer)
    return bool(stated == answer)


def test_each_curl_line_states_its_answer() -> None:
    lines = api_lines()
    calls = [line for line in lines if line.startswith("curl ")]
    assert len(calls) >= 10
    assert len(stated_answers(lines)) == len(calls)


@pytest.mark.timeout(180)
async def test_the_api_section_works_as_printed(tmp_path: Path) -> None:
    lines = api_lines()
    options = ("--keep", "--seconds", "2", "--segment-s", "2")
    async with demo(tmp_path / "demo", *options) as kept:
        printed = await read_until(kept, "until Ctrl-C")
        address = re.search(r"http://127\.0\.0\.1:\d+", printed)
        assert address
        # The README's address holds where port 8000 is free; on a busy machine it may not be.
        answers = await run(tmp_path, [line.replace(ADDRESS, address[0]) for line in lines])
        for stated, answer in zip(stated_answers(lines), answers, strict=True):
            assert fits(stated, answer), f"stated {stated}\nanswered {answer}"
        kept.send_signal(signal.SIGINT)
        rest, _ = await kept.communicate()
        assert kept.returncode == 0
    before, _, after = (printed + rest.decode()).partition("The page: ")
    assert tutorial.unexplained("Record", before) == []
    assert tutorial.unexplained("Drive it yourself", f"The page: {after}") == []
    assert tutorial.never_printed("Drive it yourself", f"The page: {after}") == []
    assert await processes_left(tmp_path) == []


async def run(folder: Path, lines: list[str]) -> list[Any]:
    """The JSON answers of the ``curl`` lines, all run in one shell."""
    script = "set -eu\n" + "\n".join(
        f"{line}\necho; echo {MARK}" if line.startswith("curl ") else line for line in lines
    )
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-c", script.replace("curl ", "curl --silent --show-error ")),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await shell.communicate()
    assert shell.returncode == 0
    return [json.loads(answer) for answer in stdout.decode().split(MARK)[:-1]]
