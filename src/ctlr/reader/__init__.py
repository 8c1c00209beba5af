"""The public reader of a finished session: ``import ctlr; session = ctlr.load(folder)``.

Everything is on one scale: ``t_s``, seconds since the session's start on the controller's clock,
beside how well that is known. Files are read when they are asked for, and never written. It works
on any computer: nothing of a rig is needed for it, nor a system that a rig runs on.

Where a clock is not known, times stand as their source wrote them, and their uncertainty is
infinite: whoever looks at it sees that, and who only wants an overview has one.
"""

from ctlr.reader.cameras import Camera, Frame, Frames
from ctlr.reader.clocks import SourceClock
from ctlr.reader.happenings import Gap, Mark
from ctlr.reader.session import NotASessionError, Session, Verified, load
from ctlr.reader.tables import Row, Table

__all__ = [
    "Camera",
    "Frame",
    "Frames",
    "Gap",
    "Mark",
    "NotASessionError",
    "Row",
    "Session",
    "SourceClock",
    "Table",
    "Verified",
    "load",
]
