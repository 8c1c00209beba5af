"""What a picture is like, and whether a camera has moved: on scenes made of random things."""

import numpy as np
import numpy.typing as npt
import pytest

from ctlr.rehearsal.views import Luma, compare, look_at, shrink

WIDTH, HEIGHT = 640, 360
MARGIN = 200


def scene(seed: int) -> npt.NDArray[np.float64]:
    """Boxes of all sizes and shades, as a camera sees a street: larger than any picture of it."""
    random = np.random.default_rng(seed)
    canvas = np.full((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN), 110.0)
    for _ in range(150):
        height, width = random.integers(8, 160, 2)
        y, x = random.integers(-80, canvas.shape[0]), random.integers(-80, canvas.shape[1])
        canvas[max(0, y) : y + height, max(0, x) : x + width] = random.integers(20, 230)
    return canvas


def photograph(
    canvas: npt.NDArray[np.float64],
    right: int = 0,
    down: int = 0,
    *,
    light: float = 1.0,
    noise: float = 3.0,
    blur: int = 1,
    seed: int = 0,
) -> Luma:
    """What a camera sees that is turned so that things lie further right and down."""
    y, x = MARGIN - down, MARGIN - right
    picture = canvas[y : y + HEIGHT, x : x + WIDTH]
    for axis in (0, 1):
        picture = np.mean([np.roll(picture, shift, axis) for shift in range(blur)], axis=0)
    grain = np.random.default_rng(seed).normal(0, noise, picture.shape)
    seen: Luma = np.clip(16 + (picture - 16) * light + grain, 16, 235).astype(np.uint8)
    return seen


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("light", [0.4, 1.0, 1.3])
def test_the_same_scene_in_another_light_is_the_same(seed: int, light: float) -> None:
    canvas = scene(seed)
    now, before = photograph(canvas, light=light, seed=1), photograph(canvas, seed=2)
    assert compare(shrink(now), shrink(before)).state == "same"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("right", "down"), [(60, 0), (-80, 20), (0, -50), (120, 60), (-25, 0)])
def test_a_camera_that_was_turned_has_moved_and_by_how_much(
    seed: int, right: int, down: int
) -> None:
    canvas = scene(seed)
    now, before = photograph(canvas, right, down, light=0.8), photograph(canvas, seed=2)
    view = compare(shrink(now), shrink(before))
    assert view.state == "moved"
    assert view.right == pytest.approx(right / WIDTH, abs=0.016)
    assert view.down == pytest.approx(down / HEIGHT, abs=0.03)


def test_another_place_is_not_called_moved() -> None:
    states = [
        compare(shrink(photograph(scene(2 * n))), shrink(photograph(scene(2 * n + 1)))).state
        for n in range(20, 50)
    ]
    assert set(states) == {"unlike"}


def test_a_wall_tells_nothing() -> None:
    flat = np.full((HEIGHT, WIDTH), 120, np.uint8)
    assert compare(shrink(flat), shrink(photograph(scene(1)))).state == "unknown"


def test_a_touch_is_not_a_move() -> None:
    canvas = scene(3)
    view = compare(shrink(photograph(canvas, 8, 2)), shrink(photograph(canvas, seed=4)))
    assert view.state == "same"


def test_light_and_focus_in_numbers() -> None:
    canvas = scene(5)
    sharp, soft = look_at(photograph(canvas)), look_at(photograph(canvas, blur=9, noise=0))
    assert soft.sharpness < 0.35 * sharp.sharpness
    assert look_at(np.full((90, 160), 16, np.uint8)).dark == 1
    white = look_at(np.full((90, 160), 235, np.uint8))
    assert (white.bright, white.brightness, white.sharpness) == (1, 1, 0)
    assert 0.3 < sharp.brightness < 0.7
