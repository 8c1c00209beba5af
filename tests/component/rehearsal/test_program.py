"""What the program sees in real videos: a camera that was turned, one that was covered."""

import asyncio
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from tests.unit.rehearsal.test_views import photograph, scene

from ctlr.kernel.process import run
from ctlr.postprocess.manifest.document import write
from ctlr.postprocess.manifest.shapes import Manifest, VideoSource
from ctlr.rehearsal.looking import Looking
from ctlr.rehearsal.views import Luma

FPS = 10


def film(path: Path, picture: Luma, seconds: int = 3) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.height, stream.width = picture.shape
        stream.pix_fmt = "yuv420p"
        height, width = picture.shape
        for number in range(seconds * FPS):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane, pixels in zip(frame.planes, (picture, None, None), strict=True):
                plane.update(
                    pixels.tobytes() if pixels is not None else b"\x80" * plane.buffer_size
                )
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def session(folder: Path, pictures: dict[str, Luma]) -> Path:
    folder.mkdir()
    for name, picture in pictures.items():
        film(folder / f"{name}.mp4", picture)
    sources: dict[str, Any] = {
        name: VideoSource(
            file=f"{name}.mp4", segments=1, size_mb=1, bytes=1, frames=30, duration_s=3,
            codec="h264", width=640, height=360, fps=FPS, inputs="",
        )
        for name in pictures
    }  # fmt: skip
    manifest = Manifest(
        uuid="3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f",
        folder=folder.name,
        started_at=0,
        stopped_at=3000,
        processed_at="",
        sources=sources,
    )
    (folder / "manifest.json").write_bytes(write(manifest))
    return folder


async def look(*folders: Path) -> Any:
    command = [sys.executable, "-m", "ctlr.rehearsal.program", *map(str, folders)]
    done = await run(command, 60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


async def test_each_camera_is_compared_with_itself(tmp_path: Path) -> None:
    first, second = scene(1), scene(2)
    before = session(
        tmp_path / "before",
        {
            "still": photograph(first, seed=1),
            "turned": photograph(second, seed=2),
            "covered": photograph(first, seed=3),
        },
    )
    now = session(
        tmp_path / "now",
        {
            "still": photograph(first, light=0.8, seed=4),
            "turned": photograph(second, 64, 0, seed=5),
            "covered": photograph(first, light=0.01, noise=1, seed=6),
            "new": photograph(first, seed=7),
        },
    )
    seen = await look(now, before)
    assert seen["still"]["view"]["state"] == "same"
    assert seen["turned"]["view"]["state"] == "moved"
    assert seen["turned"]["view"]["right"] == pytest.approx(0.1, abs=0.016)
    assert seen["covered"]["look"]["dark"] > 0.7
    assert "view" not in seen["new"]
    assert 0.2 < seen["new"]["look"]["brightness"] < 0.8


async def test_an_eject_ends_it_at_once(tmp_path: Path) -> None:
    now = session(tmp_path / "now", {"cam-01": photograph(scene(1))})
    looking = Looking()
    task = asyncio.create_task(looking.look([now]))
    await asyncio.sleep(0)  # it has begun
    await looking.release()
    assert await task == {}
    assert set(await looking.look([now])) == {"cam-01"}  # and may begin again


async def test_what_cannot_be_decoded_is_said_and_spoils_no_other(tmp_path: Path) -> None:
    now = session(
        tmp_path / "now", {"cam-01": photograph(scene(1)), "cam-02": photograph(scene(1))}
    )
    (now / "cam-01.mp4").write_bytes(b"no video")
    seen = await look(now)
    assert "cam-01.mp4" in seen["cam-01"]["error"]
    assert "look" in seen["cam-02"]
