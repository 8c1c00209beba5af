"""What all verbs share: the command itself, its settings, and how it fails."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ctlr import __version__
from ctlr.config import Settings, load_settings
from ctlr.kernel.texts import show_controls

FIELD, SETUP, SERVICES, TRY = "In the field", "Set up", "Services", "Try it"
"""The groups of verbs in the help."""
ORDER = (
    *(
        "preflight",
        "record",
        "status",
        "upload",
        "sessions",
        "verify",
        "export",
        "catalog",
        "eject",
        "logs",
    ),
    *("nodes", "storage", "check-config", "postprocess", "retention"),
    *("serve", "camera", "listen-can", "subscribe-logs", "watch-mounts"),
    *("demo", "simulate"),
)
"""The verbs as the help lists them: in the order of a day, then of a rig's life."""


class Verbs(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        known = super().list_commands(ctx)
        return [verb for verb in ORDER if verb in known] + [v for v in known if v not in ORDER]


def examples(*lines: str) -> str:
    """The last part of a verb's help: what to type, each on a line of its own."""
    return "\n".join(("Examples:", *(f"  {line}" for line in lines)))


app = typer.Typer(
    name="ctlr",
    cls=Verbs,
    help="Field recording rig: cameras, phone, watch and CAN bus as one verified session.",
    epilog=examples(
        "ctlr preflight",
        "ctlr record start 'lap 1, dry'",
        "ctlr record stop",
        "ctlr sessions",
        "ctlr eject --when-safe",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ctlr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Read this ctlr.toml instead of the usual places."),
    ] = None,
    *,
    version: Annotated[  # noqa: ARG001 - its callback answers it
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    context.obj = config


def settings_of(context: typer.Context) -> Settings:
    """The settings that this invocation is to use. Raises ``ConfigError``."""
    return load_settings(context.obj)


def say(text: str, *, err: bool = False) -> None:
    """Print lines in which others may have a say: names of files on a drive, answers of machines.
    A control character in them is written out, so that it moves no cursor."""
    typer.echo("\n".join(map(show_controls, text.split("\n"))), err=err)


def fail(message: str, code: int) -> NoReturn:
    """Say why on standard error and end with an exit code."""
    say(message, err=True)
    raise SystemExit(code)
