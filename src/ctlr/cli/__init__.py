"""The command ``ctlr``: one verb per process and task, each a few lines that call its part.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 finished but incomplete.
Parts are imported by their verb, so that a camera does not load the controller and back.
"""

from ctlr.cli import (
    drive,
    eject,
    exporting,
    logs,
    nodes,
    preflight,
    pretend,
    processing,
    record,
    retention,
    roles,
    sessions,
    status,
    upload,
)
from ctlr.cli.command import app, fail
from ctlr.kernel.errors import ConfigError, Refusal

__all__ = [
    "app",
    "drive",
    "eject",
    "exporting",
    "logs",
    "main",
    "nodes",
    "preflight",
    "pretend",
    "processing",
    "record",
    "retention",
    "roles",
    "sessions",
    "status",
    "upload",
]


def main() -> None:
    """Entry point; turns the errors that a person is meant to read into one line each."""
    try:
        app()
    except ConfigError as error:
        fail(str(error), code=2)
    except Refusal as refusal:
        fail(refusal.detail, code=1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("ctlr"):
            raise
        fail(
            f"This needs {error.name}, which is not installed: pip install 'ctlr[controller,camera]'. "
            "A rig runs on Linux; reading and verifying sessions needs nothing more.",
            code=2,
        )
