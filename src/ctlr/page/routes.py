"""The page over HTTP: each screen painted whole, then pushed; its files, packed and kept for good.

Screens are painted from memory, but for the sessions', which come from the record, and one's own,
whose manifest is read with a deadline. What a screen does, it does at the API.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field

from ctlr import __version__
from ctlr.api import node_shapes
from ctlr.api.errors import STATUS_OF_CODE
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.page import static
from ctlr.page.feed import PageFeed
from ctlr.page.help import help_pages
from ctlr.page.paint import get_ready, paint, takes_gzip
from ctlr.page.reading import Reading, address_codes, qr
from ctlr.recording.preflight import Finding

FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class PageParts:
    """``preflight`` asks the cameras; ``known_findings`` are from memory. ``configuration`` is what
    was read at the start. ``versions`` are those that cameras announce, by name."""

    clock: Clock
    feed: PageFeed
    reading: Reading
    preflight: Callable[[int | None], Awaitable[list[Finding]]]
    known_findings: Callable[[], Sequence[Finding]]
    nodes: Callable[[], node_shapes.NodeList]
    versions: Callable[[], Mapping[str, str | None]]
    configuration: Callable[[], Mapping[str, Any]]
    node: str

    async def show(
        self, request: Request, screen: str, status_code: int = 200, **values: Any
    ) -> Response:
        """A screen with the live view around it. What the first of all loads keeps nobody waiting."""
        await asyncio.to_thread(get_ready)
        shown = self.feed.shown()
        values |= {"screen": screen, "node": self.node, "now_ms": self.clock.now_ms()}
        return paint(
            request, f"{screen}.html", status_code, view=shown.view, seen=shown.id, **values
        )


class Wifi(BaseModel):
    """A Wi-Fi to be shown as a QR code; it is kept nowhere."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    password: Annotated[str, Field(max_length=63)] = ""

    def text(self) -> str:
        """As phones read it (WPA3 specification, 7.1)."""
        name, password = (
            re.sub(r'([\\;,":])', r"\\\1", part) for part in (self.name, self.password)
        )
        return f"WIFI:T:WPA;S:{name};P:{password};;" if password else f"WIFI:T:nopass;S:{name};;"


def page_router(parts: PageParts) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_live(router, parts)
    _add_sessions(router, parts)
    _add_system(router, parts)
    _add_help(router, parts)
    _add_files(router)
    return router


def _add_live(router: APIRouter, parts: PageParts) -> None:
    @router.get("/")
    async def record(request: Request) -> Response:
        return await parts.show(request, "record")

    @router.get("/storage")
    async def storage(request: Request) -> Response:
        return await parts.show(request, "storage")

    @router.get("/page/events")
    async def page_events(seen: str = "") -> StreamingResponse:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stream = parts.feed.stream(seen)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    @router.get("/page/preflight")
    async def page_preflight(client_time_ms: int | None = None) -> dict[str, Any]:
        asked = await parts.preflight(client_time_ms)
        return parts.reading.asked(parts.known_findings(), asked)


def _add_sessions(router: APIRouter, parts: PageParts) -> None:
    @router.get("/sessions")
    async def sessions_screen(
        request: Request,
        search: str = "",
        verdict: str = "",
        binned: bool = False,
        before: int | None = None,
    ) -> Response:
        found = await parts.reading.list_sessions(search, verdict, binned, before)
        asked = {"search": search, "verdict": verdict, "binned": binned}
        return await parts.show(request, "sessions", **found, asked=asked)

    @router.get("/sessions/{uuid}")
    async def session_screen(request: Request, uuid: str) -> Response:
        try:
            found = await parts.reading.read_session(uuid)
        except Refusal as refusal:
            status = STATUS_OF_CODE[refusal.code]
            return await parts.show(request, "problem", status, text=refusal.detail)
        return await parts.show(request, "session", it=found)

    @router.get("/page/take/{uuid}")
    async def page_take(uuid: str) -> dict[str, Any]:
        return await parts.reading.read_take(uuid)


def _add_system(router: APIRouter, parts: PageParts) -> None:
    @router.get("/system")
    async def system_screen(request: Request) -> Response:
        nodes = parts.nodes()
        told = parts.reading.read_system(
            __version__, nodes, parts.versions(), parts.configuration()
        )
        told["addresses"] = await asyncio.to_thread(address_codes, str(request.base_url))
        return await parts.show(request, "system", **told, nodes=nodes)

    @router.get("/system/selftest")
    async def selftest(request: Request) -> Response:
        return await parts.show(request, "selftest")

    @router.get("/page/logs")
    async def page_logs(
        node: str = "", level: str = "INFO", after: int | None = None
    ) -> dict[str, Any]:
        return await parts.reading.read_logs(node, level, after)

    @router.post("/page/wifi")
    async def page_wifi(wifi: Wifi) -> Response:
        code = await asyncio.to_thread(qr, wifi.text())
        return Response(code, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})

    @router.get("/page/clocks")
    async def page_clocks() -> dict[str, Any]:
        names = [node.name for node in parts.nodes().configured]
        return parts.feed.history.series(names)


def _add_help(router: APIRouter, parts: PageParts) -> None:
    @router.get("/help")
    async def help_list(request: Request) -> Response:
        return await parts.show(
            request, "help", pages=await asyncio.to_thread(help_pages), page=None
        )

    @router.get("/help/{name}")
    async def help_screen(request: Request, name: str) -> Response:
        pages = await asyncio.to_thread(help_pages)
        if name not in pages:
            text = "There is no such help page."
            return await parts.show(request, "problem", 404, text=text)
        return await parts.show(request, "help", pages=pages, page=pages[name])


def _add_files(router: APIRouter) -> None:
    @router.get("/static/{release}/{path:path}")
    async def file(request: Request, release: str, path: str) -> Response:
        asset = static.assets().get(path)
        if asset is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        kept = FOR_GOOD if release == static.release() else "no-cache"
        headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
        headers["X-Content-Type-Options"] = "nosniff"
        data = asset.data
        if takes_gzip(request):
            data, headers["Content-Encoding"] = asset.packed, "gzip"
        return Response(data, 200, headers, asset.media_type)

    @router.get("/favicon.ico")
    async def favicon() -> Response:
        return RedirectResponse(static.address("icon.svg"), 308)
