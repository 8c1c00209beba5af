"""Facts of one instant, as the page's tests change them."""

from dataclasses import replace
from typing import Any

from ctlr.api.overview import GIB, Facts
from ctlr.can.status import CanStatus
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus
from ctlr.nodes.offset import ClockOffset
from ctlr.sessions.model import Session, SessionNode, SessionState
from ctlr.storage.states import MountState, State
from ctlr.telemetry.health import Health

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NOW = 1_776_313_714_000
WELL = MountState(
    "/mnt/x",
    State.OK,
    mounted=True,
    accessible=True,
    free_bytes=30 * GIB,
    total_bytes=40 * GIB,
    error=None,
)
ILL = replace(WELL, state=State.STALE, accessible=False, error="its device is gone")


def camera(name: str = "cam-01", state: str = "idle", **values: Any) -> NodeView:
    queued = values.pop("queued", 0)
    status = {"state": state, "sync": {"segments_queued": queued}, "minutes_left": 300, **values}
    clock = ClockOffset(offset_ms=1.25, uncertainty_ms=0.5)
    node = NodeStatus.model_validate(status)
    return NodeView(name, connected=True, current=True, status=node, clock=clock, seen_at_ms=NOW)


def lost(name: str = "cam-01") -> NodeView:
    return NodeView(name, error="no answer within 1.5 s")


def session(state: SessionState = SessionState.RECORDING, **values: Any) -> Session:
    nodes = values.pop("nodes", (SessionNode("cam-01", started=True),))
    return Session(UUID, state, start_at_ms=NOW - 60_000, nodes=nodes, **values)


def facts(**changes: Any) -> Facts:
    return replace(
        Facts(
            now_ms=NOW,
            min_cameras=1,
            current=None,
            recorded_s=0.0,
            views=[camera()],
            reports={},
            logging=WELL,
            sync=WELL,
            system=Health(cpu=12, mem=34, temp=None, disk=3),
            can=CanStatus(),
            jobs=[],
            collecting=False,
            minutes_left=600.0,
            longest_s=14_400,
        ),
        **changes,
    )
