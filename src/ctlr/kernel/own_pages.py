"""Keeps out what web pages of others have a browser send; see ``ctlr.kernel.same_site``."""

from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from ctlr.kernel.errors import Refusal
from ctlr.kernel.own_names import OwnNames
from ctlr.kernel.same_site import find_foreign_host, find_foreign_page

_log = structlog.get_logger("network")


def own_pages_only(
    app: ASGIApp, names: OwnNames, key: str, answer: Callable[[Refusal], ASGIApp]
) -> ASGIApp:
    """``app`` for requests that no foreign page is behind. ``key`` is the setting that adds names;
    ``answer`` makes what others are told: ``unknown_host`` or ``foreign_page``."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refuse(scope, names, key) if scope["type"] == "http" else None
        await (app if refusal is None else answer(refusal))(scope, receive, send)

    return call


def _refuse(scope: Scope, names: OwnNames, key: str) -> Refusal | None:
    headers = scope["headers"]
    if host := find_foreign_host(headers, names.now()):
        host = find_foreign_host(headers, names.read_again())
    if host is not None:
        _log.warning("a request under a name that is not this machine's was refused", host=host)
        return Refusal(
            "unknown_host",
            f"This machine does not know itself by the name {host!r}, so nothing was done; a "
            f"recording goes on. Use its address, or add the name to {key} in its ctlr.toml.",
        )
    page = find_foreign_page(scope["method"], headers, names.now())
    if page is not None:
        _log.warning("a web page of another site was refused", page=page)
        return Refusal(
            "foreign_page",
            f"A web page of another site ({page}) is behind this request, so nothing was done; a "
            f"recording goes on. If the site is yours, add its name to {key} in this machine's "
            "ctlr.toml.",
        )
    return None
