from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.component.camera.rig import CameraProcess, Controller, RsyncDaemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RsyncDaemon]:
    daemon = RsyncDaemon(tmp_path)
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    controller = Controller(tmp_path / "logging")
    yield controller
    controller.close()


@pytest.fixture
def make_camera(tmp_path: Path, controller: Controller) -> Iterator[Callable[..., CameraProcess]]:
    """Starts camera processes; all of them have ended after the test."""
    cameras: list[CameraProcess] = []

    def make(target: str, **camera: Any) -> CameraProcess:
        cameras.append(CameraProcess(tmp_path, target, controller.url, **camera))
        cameras[-1].start()
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


@pytest.fixture
def camera(make_camera: Callable[..., CameraProcess], daemon: RsyncDaemon) -> CameraProcess:
    return make_camera(daemon.target)
