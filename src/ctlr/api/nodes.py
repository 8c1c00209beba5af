"""The cameras of the rig, those that announce themselves, and adopting them."""

from dataclasses import dataclass
from email.utils import formatdate
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ctlr.api import node_shapes, shapes
from ctlr.api.errors import refusals
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.messages import NodeStatus
from ctlr.nodes.roster import Candidate, Member, Roster
from ctlr.nodes.stills import NoStillError, Stills

_ASK_AGAIN = {"Cache-Control": "no-cache"}


@dataclass(frozen=True)
class NodesParts:
    """Which cameras the rig has, and how they were last seen."""

    roster: Roster
    fleet: Fleet
    stills: Stills


def nodes_router(parts: NodesParts) -> APIRouter:
    router = APIRouter(prefix="/api/nodes", tags=["nodes"])

    @router.get("")
    async def nodes() -> node_shapes.NodeList:
        """The rig's cameras, and those that announce themselves and are not in it; from memory."""
        return list_nodes(parts.roster, parts.fleet)

    @router.post(
        "",
        responses=refusals(
            "invalid_node",
            "unknown_node",
            "node_unreachable",
            "node_conflict",
            "configured_in_file",
            "recording_in_progress",
            "invalid_request",
        ),
    )
    async def adopt(request: node_shapes.AdoptRequest, call: Request) -> node_shapes.AdoptAnswer:
        """Take a camera into the rig, now and after a restart. It must answer; a recording that
        runs is joined late. Without ``address``: where ``name`` announces itself."""
        by = call.client.host if call.client else None
        member, status = await parts.roster.adopt(request.name, request.address, by)
        return node_shapes.AdoptAnswer(node=_node(parts.fleet, member), saw=_saw(status))

    @router.get(
        "/{name}/preview.jpg",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}, "description": "The newest still"},
            204: {"description": "None at the moment; the header `X-Reason` says why"},
            304: {"description": "The one with this `ETag` is still the newest"},
            **refusals("unknown_node"),
        },
    )
    async def preview(
        name: str,
        request: Request,
        aim: Annotated[
            bool, Query(description="Ten a second of this camera, while nothing is recorded")
        ] = False,
    ) -> Response:
        """The newest still of a camera: at most one a second, one in two while it records, and none
        while the camera has trouble."""
        try:
            still = await parts.stills.newest(name, aim=aim)
        except NoStillError as error:
            reason = str(error).encode("ascii", "replace").decode()
            return Response(status_code=204, headers={"X-Reason": reason, **_ASK_AGAIN})
        headers = {
            "ETag": still.tag,
            "Last-Modified": formatdate(still.captured_at_ms / 1000, usegmt=True),
            "X-Captured-At-Ms": str(still.captured_at_ms),
            **_ASK_AGAIN,
        }
        if still.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(still.jpeg, media_type="image/jpeg", headers=headers)

    @router.delete(
        "/{name}", responses=refusals("unknown_node", "configured_in_file", "recording_in_progress")
    )
    async def remove(name: str) -> shapes.Ok:
        """Take an adopted camera out of the rig; what it recorded stays."""
        await parts.roster.remove(name)
        return shapes.Ok(ok=True)

    return router


def list_nodes(roster: Roster, fleet: Fleet) -> node_shapes.NodeList:
    """The rig's cameras and those that it could have, from memory."""
    return node_shapes.NodeList(
        configured=[_node(fleet, member) for member in roster.members],
        discovered=[_discovered(found) for found in roster.candidates()],
        discovery_error=roster.discovery_error,
    )


def _node(fleet: Fleet, member: Member) -> node_shapes.Node:
    view = fleet.view(member.node.name)
    return node_shapes.Node(
        name=member.node.name,
        address=member.node.address,
        origin=member.origin,
        connected=view.connected if view else False,
        error=view.error if view else None,
    )


def _discovered(found: Candidate) -> node_shapes.DiscoveredNode:
    camera = found.announced
    return node_shapes.DiscoveredNode(
        name=camera.name,
        address=camera.addresses[0],
        addresses=list(camera.addresses),
        version=camera.version,
        api=camera.api,
        last_seen_at=camera.seen_at_ms,
        conflict=found.conflict,
    )


def _saw(status: NodeStatus) -> node_shapes.NodeSeen:
    return node_shapes.NodeSeen(
        state=status.state,
        uuid=status.uuid,
        segments_pending=status.sync.segments_queued,
        disk_free_gb=status.system.disk_free_gb,
        error=status.error,
    )
