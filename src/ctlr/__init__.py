"""ctlr: a field recording rig in one package; each role is a verb of the command ``ctlr``.

And the reader of what it records: ``session = ctlr.load(folder)``. Nothing of either is loaded
before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctlr.reader import (
        Camera,
        Frame,
        Frames,
        Gap,
        Mark,
        NotASessionError,
        Row,
        Session,
        SourceClock,
        Table,
        Verified,
        load,
    )

__version__ = "0.1.0"
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
    "__version__",
    "load",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ctlr' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module("ctlr.reader"), name)
    return value


def __dir__() -> list[str]:
    return __all__
