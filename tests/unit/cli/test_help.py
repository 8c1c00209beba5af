"""What ``-h`` shows of every verb."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from rich.text import Text
from typer.testing import CliRunner

from ctlr.cli import app
from ctlr.cli.command import FIELD, ORDER, SERVICES, SETUP, TRY

ROOT: Any = typer.main.get_command(app)


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from verbs(below, (*path, name))


ALL = dict(verbs(ROOT))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_no_bracket_is_taken_for_markup(path: tuple[str, ...]) -> None:
    command = ALL[path]
    texts = [command.help, command.epilog, *(option.help for option in command.params)]
    for text in filter(None, texts):
        assert Text.from_markup(text).plain == text


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_verb_has_help_by_either_name(path: tuple[str, ...]) -> None:
    run = CliRunner()
    short, long = run.invoke(app, [*path, "-h"]), run.invoke(app, [*path, "--help"])
    assert (short.exit_code, long.exit_code) == (0, 0)
    assert short.output == long.output
    first_words = " ".join(ALL[path].help.split()[:3])
    assert first_words in " ".join(short.output.split())


def test_every_verb_stands_in_a_group_in_the_order_of_a_day() -> None:
    shown = {name: verb for name, verb in ROOT.commands.items() if not verb.hidden}
    assert set(shown) == set(ORDER)
    groups = {verb.rich_help_panel for verb in shown.values()}
    assert groups == {FIELD, SETUP, SERVICES, TRY}
    output = CliRunner().invoke(app, ["-h"]).output
    lines = [line.split() for line in output.splitlines()]
    listed = [words[1] for words in lines if words[:1] == ["│"] and words[1] in ORDER]
    assert listed == list(ORDER)
