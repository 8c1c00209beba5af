from pathlib import Path

import psutil
import pytest

from ctlr.camera.card import Card, free_bytes
from ctlr.config import CameraSettings

MIB = 1 << 20


def _card(path: Path, reserve_mb: int, segment_s: float = 10) -> Card:
    return Card(CameraSettings(spool=path, reserve_mb=reserve_mb, segment_s=segment_s))


def test_a_card_with_room(tmp_path: Path) -> None:
    card = _card(tmp_path, 1)
    assert card.reason_to_end() is None
    assert card.reason_not_to_start() is None
    free_min = psutil.disk_usage(str(tmp_path)).free / 45_000_000  # 6 Mbit/s
    assert card.minutes_left() == pytest.approx(free_min, rel=0.1)


def test_a_card_below_its_reserve(tmp_path: Path) -> None:
    card = _card(tmp_path, psutil.disk_usage(str(tmp_path)).total // MIB)
    assert card.minutes_left() == 0
    for reason in (card.reason_to_end(), card.reason_not_to_start()):
        assert reason is not None
        assert reason.startswith("The card is full: ")


def test_a_start_needs_more_room_than_going_on(tmp_path: Path) -> None:
    # Two segments of this length are 900 MB: more than is kept free, less than a start needs.
    free_mb = psutil.disk_usage(str(tmp_path)).free // MIB
    card = _card(tmp_path, max(1, free_mb - 500), segment_s=600)
    assert card.reason_to_end() is None
    assert card.reason_not_to_start() is not None


def test_a_card_that_is_gone(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "gone") is None
    card = _card(tmp_path / "gone", 1)
    assert card.minutes_left() is None
    assert card.reason_to_end() is None
