"""Types of the OpenAPI document that say more than ``string``.

They describe and do not check: what comes in is refused by the code that knows why, with a code and
a sentence of its own, and what goes out was made here.
"""

from enum import StrEnum
from typing import Annotated, Any, get_args

from pydantic import Field

from ctlr.nodes.messages import CameraState
from ctlr.sessions.model import SessionState
from ctlr.storage.eject_rules import Phase
from ctlr.storage.states import State


def _one_of(*values: str) -> Any:
    return Field(json_schema_extra={"enum": list(values)})


def _any(names: type[StrEnum]) -> Any:
    return _one_of(*(name.value for name in names))


SessionId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
IsoTime = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
OneMount = Annotated[str, _one_of("logging", "sync")]
AnyMount = Annotated[str, _one_of("logging", "sync", "all")]
SessionStateName = Annotated[str, _any(SessionState)]
MountStateName = Annotated[str, _any(State)]
DrivePhase = Annotated[str, _any(Phase)]
RigPhase = Annotated[
    str, _one_of("idle", "arming", "recording", "stopping", "collecting", "processing")
]
CameraStateName = Annotated[str, _one_of(*get_args(CameraState))]
