"""What a screen shows beside the live view: read when it is asked for, made to words by ``view``."""

import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from ctlr.api import node_shapes
from ctlr.api.logs import page_of
from ctlr.api.sessions import SessionsParts, read_detail, read_summaries
from ctlr.kernel.errors import Refusal
from ctlr.logbook.reader import LogPage, LogQuery
from ctlr.page.view import preflight, sessions, system, take
from ctlr.page.view.words import sentence
from ctlr.recording.preflight import Finding

ROWS = 50
LOG_ROWS = 100
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")


@dataclass(frozen=True)
class Reading:
    """``read_log`` has a deadline; the sessions' manifests have one too."""

    of_sessions: SessionsParts
    read_log: Callable[[LogQuery], Awaitable[LogPage]]

    async def list_sessions(
        self, search: str, verdict: str, binned: bool, before: int | None
    ) -> dict[str, Any]:
        """A page of the list. A verdict that there is not is none."""
        chosen = verdict if verdict in ("good", "bad") else None
        found = await self.of_sessions.search.find(
            ROWS, before, search or None, chosen, binned=binned
        )
        rows = sessions.rows(await read_summaries(self.of_sessions, found))
        return {"rows": rows, "older": sessions.next_page(rows, ROWS)}

    async def read_session(self, uuid: str) -> sessions.Detail:
        """Raises ``Refusal``: ``unknown_session``, ``ambiguous_session``, ``invalid_uuid``."""
        return sessions.detail(*await read_detail(self.of_sessions, uuid))

    async def read_take(self, uuid: str) -> dict[str, Any]:
        """The card of truth. Raises as ``session``."""
        detail, manifest = await read_detail(self.of_sessions, uuid)
        return {**asdict(take.take(detail, manifest)), "verdict_said": detail.verdict}

    async def read_logs(self, node: str, level: str, after: int | None) -> dict[str, Any]:
        """The newest records, or those since a number; why there are none, in words."""
        chosen = level if level in LEVELS else "INFO"
        query = LogQuery(node or None, chosen, None, None, after, LOG_ROWS)
        try:
            page = page_of(await self.read_log(query))
        except Refusal as refusal:
            return {"rows": [], "newest": 0, "problem": sentence(refusal.detail)}
        rows = [asdict(row) for row in system.log_rows(page.logs)]
        return {"rows": rows, "newest": page.newest, "problem": ""}

    def asked(self, known: Sequence[Finding], asked: Sequence[Finding]) -> dict[str, Any]:
        """What the cameras and the phone add to what is known."""
        lines = preflight.lines(preflight.asked_only(known, asked), {})
        return {"lines": [asdict(line) for line in lines]}

    def read_system(
        self,
        own: str,
        nodes: node_shapes.NodeList,
        versions: Mapping[str, str | None],
        configuration: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Versions and settings."""
        return {
            "versions": system.versions(own, nodes, versions),
            "settings": list(system.configuration(configuration)),
        }


def address_codes(url: str) -> list[tuple[str, str]]:
    """Every address of this page, with its QR code."""
    return [(address, qr(address)) for address in own_addresses(url)]


def own_addresses(url: str) -> list[str]:
    """Where this page is found: as it was asked for, then by each address of the machine."""
    scheme, _, rest = url.partition("://")
    port = rest.rstrip("/").rpartition(":")[2]
    port = f":{port}" if port.isdigit() else ""
    hosts = [
        address.address
        for name, found in psutil.net_if_addrs().items()
        for address in found
        if "." in address.address and name != "lo" and not address.address.startswith("169.254.")
    ]
    every = [url, *(f"{scheme}://{host}{port}/" for host in hosts)]
    return list(dict.fromkeys(every))


def qr(text: str) -> str:
    """A text as a picture to be photographed: SVG without a size or a style of its own."""
    import segno  # loaded by the first who looks at the system

    code, drawn = segno.make(text, error="m", micro=False), io.BytesIO()
    code.save(
        drawn, kind="svg", xmldecl=False, border=2, omitsize=True, svgclass="qr", lineclass=None
    )
    return drawn.getvalue().decode()
