from pathlib import Path

import pytest

from ctlr.config import load_settings
from ctlr.simulator.places import (
    Places,
    camera_settings,
    controller_settings,
    laid_over,
    to_toml,
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "a rig", 8000, 1883, 873, {"cam-1": 9001, "cam-2": 9002})


def test_the_controller_reads_what_is_written_for_it(places: Places, tmp_path: Path) -> None:
    file = tmp_path / "ctlr.toml"
    file.write_text(to_toml(controller_settings(places)))
    settings = load_settings(file)
    assert [node.address for node in settings.nodes] == ["127.0.0.1:9001", "127.0.0.1:9002"]
    assert settings.storage.sync == places.sync
    assert not settings.storage.require_mounts
    assert settings.mqtt.port == 1883


def test_a_camera_reads_what_is_written_for_it(places: Places, tmp_path: Path) -> None:
    file = tmp_path / "ctlr.toml"
    changed = laid_over(camera_settings(places, "cam-2"), {"camera": {"segment_s": 4}})
    file.write_text(to_toml(changed))
    settings = load_settings(file)
    assert settings.node == "cam-2"
    assert settings.camera.port == 9002
    assert settings.camera.segment_s == 4
    assert settings.camera.target == "rsync://127.0.0.1:873/logging/"
    assert settings.camera.spool == places.spool("cam-2")


def test_changes_replace_values_and_keep_their_neighbours() -> None:
    base = {"node": "a", "api": {"host": "x", "port": 1}}
    changed = laid_over(base, {"api": {"port": 2}, "min_cameras": 3})
    assert changed == {"node": "a", "api": {"host": "x", "port": 2}, "min_cameras": 3}
    assert base["api"] == {"host": "x", "port": 1}
