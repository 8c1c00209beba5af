"""A running controller as the command line speaks to it: its REST API, and tables for answers.

What a verb prints is what the controller says; nothing is derived a second time here. Text in
answers can come from any device in the network, so control characters never reach the terminal.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console

from ctlr.cli.command import settings_of
from ctlr.config import ApiSettings, ConfigDeniedError
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_session_id

TIMEOUT_S = 10.0
PIPED_WIDTH = 200

Json = dict[str, Any]
_Shape = TypeVar("_Shape", bound=BaseModel)
Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="CTLR_URL", help="The controller, http://host:port (else this machine's)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]


def controller_url(context: typer.Context, url: str | None) -> str:
    """The base URL that was given, else that of the controller on this machine.

    Its address is all that a verb needs, and a person in the field is no administrator: where the
    usual configuration may not be read, the usual address is taken.
    """
    if url is None:
        try:
            return own_url(settings_of(context).api)
        except ConfigDeniedError:
            if context.obj is not None:
                raise
            return own_url(ApiSettings())
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
    return _answer(url, request, timeout_s)


def send(
    url: str, path: str, kind: str, length: int, body: Iterator[bytes], timeout_s: float
) -> Json:
    """Post a body that is made while it is sent. Raises ``Refusal`` as ``ask`` does."""
    request = urllib.request.Request(  # noqa: S310 - controller_url lets only http through
        url + path,
        method="POST",
        data=body,
        headers={"Content-Type": kind, "Content-Length": str(length)},
    )
    return _answer(url, request, timeout_s)


def _answer(url: str, request: urllib.request.Request, timeout_s: float) -> Json:
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
            f"No controller answers at {url} ({reason}). Is ctlr serve running there? "
            "--url or $CTLR_URL names another.",
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


def ask_again(url: str, method: str, path: str) -> Json:
    """As ``ask``, for a request that means the same when it is repeated: where the way there or back
    failed, once more."""
    try:
        return ask(url, method, path)
    except Refusal as refusal:
        if refusal.code != "controller_unreachable":
            raise
        return ask(url, method, path)


def whole_id(url: str, session: str) -> str:
    """A session's id from its beginning, as the controller knows it. Raises ``Refusal``."""
    if is_session_id(session.lower()):
        return session.lower()
    return str(ask(url, "GET", f"/api/sessions/{quote(session, safe='')}")["uuid"])


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


def clock_time(at_ms: int) -> str:
    """An instant as the person's own clock shows it."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M:%S")


def day_and_time(at_ms: int | None) -> str:
    if at_ms is None:
        return "-"
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def lasting(seconds: float) -> str:
    """A duration as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _json_of(url: str, content: bytes) -> Json:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refusal("not_a_controller", f"What answers at {url} is no ctlr controller.")
    return answer
