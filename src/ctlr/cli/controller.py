"""A running controller as the command line speaks to it: its REST API, and tables for answers.

What a verb prints is what the controller says; nothing is derived a second time here. Text in
answers can come from any device in the network, so control characters never reach the terminal.
"""

import json
import urllib.error
import urllib.request
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console

from ctlr.cli.command import settings_of
from ctlr.config import ApiSettings
from ctlr.kernel.errors import Refusal

TIMEOUT_S = 10.0
PIPED_WIDTH = 200

Json = dict[str, Any]
_Shape = TypeVar("_Shape", bound=BaseModel)
Url = Annotated[
    str | None, typer.Option("--url", help="The controller [this machine's, by ctlr.toml].")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]


def controller_url(context: typer.Context, url: str | None) -> str:
    """The base URL that was given, else that of the controller on this machine."""
    if url is None:
        return own_url(settings_of(context).api)
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("give it as http://host:port", param_hint="--url")
    return url.rstrip("/")


def own_url(api: ApiSettings) -> str:
    """Where a controller with these settings is reached from its own machine."""
    try:
        everywhere = ip_address(api.host).is_unspecified
    except ValueError:
        everywhere = False
    return f"http://{'127.0.0.1' if everywhere else api.host}:{api.port}"


def ask(
    url: str, method: str, path: str, body: Json | None = None, timeout_s: float = TIMEOUT_S
) -> Json:
    """One call. Raises ``Refusal``: the controller's own, or ``controller_unreachable``."""
    request = urllib.request.Request(  # noqa: S310 - controller_url lets only http through
        url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=timeout_s) as answer:
            return _json_of(url, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            problem = _json_of(url, error.read())
        detail = str(problem.get("detail", f"HTTP {error.code}"))
        raise Refusal(str(problem.get("code", "http_error")), printable(detail)) from error
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise Refusal(
            "controller_unreachable",
            f"No controller answers at {url} ({reason}). Is ctlr serve running there?",
        ) from error


def understand(shape: type[_Shape], answer: Json) -> _Shape:
    """An answer in its shape. Raises ``Refusal`` ``not_a_controller`` where it has another."""
    try:
        return shape.model_validate(answer)
    except ValidationError as error:
        raise Refusal(
            "not_a_controller",
            "What answered is no ctlr controller, or one of another release. --json shows the answer.",
        ) from error


def print_json(answer: Json) -> None:
    typer.echo(json.dumps(answer, indent=2))


def printer() -> Console:
    """A console that takes no text for markup; wide where nobody watches."""
    width = None if Console().is_terminal else PIPED_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def printable(value: object) -> str:
    """A value of an answer for one cell: "-" for nothing, no control characters."""
    if value is None:
        return "-"
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value)
    )


def _json_of(url: str, content: bytes) -> Json:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refusal("not_a_controller", f"What answers at {url} is no ctlr controller.")
    return answer
