"""What the manifest says of clocks that were compared by what their sensors saw. Pure.

Part of the manifest's committed schema.
"""

from typing import Literal

from ctlr.postprocess.manifest.shape import Shape


class TruthEntry(Shape):
    """Two records of the same motion, laid over each other.

    ``clock`` is ``lag_ms`` behind ``against``: what it stamps is that much too early (negative:
    too late). Add ``lag_ms`` to the times of ``files[0]`` to lay them over those of ``files[1]``.
    The truth lies within ``uncertainty_ms``, two standard deviations. ``correlation`` is Pearson's
    coefficient at that lag, over ``overlap_s`` of both. ``corrected_ms`` was taken off the times
    of ``files[0]`` beforehand: the phone's clock minus the controller's, as ``clock`` has it.
    """

    clock: str
    against: str
    files: tuple[str, str]
    confidence: Literal["high", "low", "unknown"]
    text: str
    lag_ms: float | None = None
    uncertainty_ms: float | None = None
    correlation: float | None = None
    overlap_s: float = 0.0
    corrected_ms: float | None = None
    because: str | None = None
    inputs: str = ""
