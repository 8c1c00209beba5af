"""What a small picture is like, and whether a camera has moved between two of them. Pure.

Pictures are compared by their edges, which stay when the light changes: the correlation of the edges
is taken for every shift of up to a quarter of the picture, over the part that both then share. Where
the best of them is high, both show the same things, and the shift is how far the camera has turned.
Where it is low, nothing is known: the rig may stand somewhere else.
"""

import numpy as np
import numpy.typing as npt

from ctlr.rehearsal.seen import Look, View

Luma = npt.NDArray[np.uint8]
Grid = npt.NDArray[np.float64]

WIDTH, HEIGHT = 96, 54
BLACK, WHITE = 16, 235
FURTHEST = 0.25
RELATED = 0.4
"""Correlation from which on two pictures show the same things. Unrelated pictures' edges correlate up to
0.3 at the best of all shifts."""
BETTER_BY = 0.1
MOVED = 0.03
"""Of the picture's width; a camera that is touched and let go moves less."""
FLAT = 1.0


def look_at(luma: Luma) -> Look:
    level = np.clip((luma.astype(np.float64) - BLACK) / (WHITE - BLACK), 0, 1)
    finest = (
        4 * level[1:-1, 1:-1]
        - level[:-2, 1:-1]
        - level[2:, 1:-1]
        - level[1:-1, :-2]
        - level[1:-1, 2:]
    )
    return Look(
        brightness=float(level.mean()),
        dark=float((level < 0.04).mean()),
        bright=float((level > 0.97).mean()),
        sharpness=float(1000 * finest.var()),
    )


def shrink(luma: Luma) -> Luma:
    """The picture in ``WIDTH`` by ``HEIGHT``, each pixel the mean of those it stands for."""
    rows = np.linspace(0, luma.shape[0], HEIGHT + 1).astype(int)
    columns = np.linspace(0, luma.shape[1], WIDTH + 1).astype(int)
    sums = np.pad(luma.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    corner = sums[np.ix_(rows, columns)]
    total = corner[1:, 1:] - corner[:-1, 1:] - corner[1:, :-1] + corner[:-1, :-1]
    area = np.diff(rows)[:, None] * np.diff(columns)[None, :]
    small: Luma = np.round(total / np.maximum(area, 1)).astype(np.uint8)
    return small


def compare(now: Luma, before: Luma) -> View:
    """How ``now`` lies to ``before``; both as ``shrink`` makes them."""
    here, there = _edges(now), _edges(before)
    if here.std() < FLAT or there.std() < FLAT:  # a wall, a cap: nothing to hold on to
        return View("unknown")
    likeness = {
        (right, down): _correlate(here, there, right, down)
        for right in range(-round(WIDTH * FURTHEST), round(WIDTH * FURTHEST) + 1)
        for down in range(-round(HEIGHT * FURTHEST), round(HEIGHT * FURTHEST) + 1)
    }
    (right, down), best = max(likeness.items(), key=lambda item: item[1])
    if best < RELATED:
        return View("unlike", likeness=best)
    shift = right / WIDTH, down / HEIGHT
    has_moved = max(map(abs, shift)) >= MOVED and best > likeness[0, 0] + BETTER_BY
    return View("moved" if has_moved else "same", *shift, likeness=best)


def _edges(luma: Luma) -> Grid:
    down, right = np.gradient(luma.astype(np.float64))
    edges: Grid = np.hypot(down, right)
    return edges


def _correlate(here: Grid, there: Grid, right: int, down: int) -> float:
    """Of the part that both share when ``there`` is shifted."""
    a = here[max(0, down) : HEIGHT + min(0, down), max(0, right) : WIDTH + min(0, right)]
    b = there[max(0, -down) : HEIGHT + min(0, -down), max(0, -right) : WIDTH + min(0, -right)]
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0
