"""Templates to answers: what stands around each page, and which headers it goes out with."""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from ctlr.page import static
from ctlr.page.view.words import CLOSE, OPEN

if TYPE_CHECKING:
    from jinja2 import Environment

THEMES = ("auto", "light", "dark", "sun")
_INSTANT = re.compile(f"{OPEN}(\\d+){CLOSE}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


@cache
def import_map() -> str:
    """Where modules are found by their names."""
    imports = {"imports": {"ctlr/": f"/static/{static.release()}/js/"}}
    return json.dumps(imports, separators=(",", ":"))


@cache
def policy() -> str:
    """What a browser may load for a page, and from where: ours, from here."""
    known = b64encode(sha256(import_map().encode()).digest()).decode()
    return (
        f"default-src 'self'; script-src 'self' 'sha256-{known}'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


@cache
def _templates() -> "Environment":
    # Loaded by the first who looks: the controller starts without it.
    from jinja2 import ChainableUndefined, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("ctlr.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        static=static.address,
        modules=lambda name: [static.address(path) for path in static.needed_by(name)],
        blank=ChainableUndefined(),
        import_map=Markup(import_map()),  # noqa: S704 - ours alone
    )
    return environment


def get_ready() -> None:
    """Load what painting needs and read every template: a while, for a thread of its own."""
    for name in _templates().list_templates(extensions=["html"]):
        _templates().get_template(name)


def paint(request: Request, template: str, status_code: int = 200, **values: Any) -> Response:
    """A page, in the reader's time zone and colours as far as its cookies tell them."""
    zone = zone_of(request.cookies)
    theme = request.cookies.get("theme", "auto")
    html = (
        _templates()
        .get_template(template)
        .render(
            zone=zone,
            theme=theme if theme in THEMES else "auto",
            cookies=request.cookies,
            when=lambda text: with_times(text, zone),
            day=lambda ms: _date(ms, zone),
            iso=lambda ms: datetime.fromtimestamp(ms / 1000, UTC).isoformat(),
            **values,
        )
    )
    headers = {
        "Content-Security-Policy": policy(),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding, Cookie",
    }
    return packed(request, html.encode(), "text/html; charset=utf-8", status_code, headers)


def packed(
    request: Request,
    data: bytes,
    media_type: str,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """An answer, packed if the browser takes it so."""
    headers = headers or {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if takes_gzip(request) and len(data) > 500:
        headers["Content-Encoding"] = "gzip"
        data = gzip.compress(data, 6, mtime=0)
    return Response(data, status_code, headers, media_type)


def takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def with_times(text: str, zone: tzinfo) -> str:
    """A text of the view with its instants as times of day."""
    return _INSTANT.sub(
        lambda found: datetime.fromtimestamp(int(found[1]) / 1000, zone).strftime("%H:%M"), text
    )


def zone_of(cookies: Mapping[str, str]) -> tzinfo:
    """Of the reader; UTC until the page has told."""
    name = cookies.get("tz", "").replace("%2F", "/")
    try:
        return ZoneInfo(name) if _ZONE.fullmatch(name) else UTC
    except (OSError, ValueError, KeyError):  # not known on this machine
        return UTC


def _date(ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%a %d %b, %H:%M")
