"""A joined video in a browser, over HTTP: it opens and seeks with a handful of ranged requests.

A real Chromium plays a joined session from a small server that answers byte ranges and counts
them. Which frame it shows after a seek is read from the pixels: every frame carries its number.
"""

import http.server
import re
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.async_api import Page
from tests.browsers import CHROMIUM, chromium
from tests.unit.postprocess.rig import Rig

from ctlr.camera.test_picture import Stamp, draw_stamp, read_stamp

WIDTH, HEIGHT, FPS = 640, 360, 10
SEGMENTS = 40  # of 1 s
BLOCK = 64 << 10  # a browser asks from a round number on
PAGE = b"<!doctype html><video id=video muted preload=metadata></video>"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

OPEN = """async () => {
  video.src = 'cam-a.mp4';
  await new Promise((done, fail) => { video.onloadedmetadata = done; video.onerror = () => fail(video.error.message); });
  return video.duration;
}"""
SEEK = """async at_s => {
  const began = performance.now();
  video.currentTime = at_s;
  await new Promise((done, fail) => { video.onseeked = done; video.onerror = () => fail(video.error.message); });
  return [video.currentTime, performance.now() - began];
}"""
RED = """() => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, 32];
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  return Array.from(pixels.filter((_, index) => index % 4 == 0));
}"""


@dataclass
class Served:
    """A folder on HTTP, and what was asked of it: first byte and bytes sent, request by request."""

    url: str = ""
    ranges: list[tuple[int, int]] = field(default_factory=list)


def handler(folder: Path, served: Served) -> type[http.server.BaseHTTPRequestHandler]:
    class Ranges(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # a browser drops what it does not need any more
                super().handle()

        def do_GET(self) -> None:
            if not self.path.endswith(".mp4"):
                self.answer(200, PAGE if self.path == "/" else b"", "text/html")
                return
            data = (folder / Path(self.path).name).read_bytes()
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            assert match, "a browser asks for ranges"
            first, last = int(match[1]), int(match[2] or len(data) - 1)
            self.send_range(data, first, last)

        def send_range(self, data: bytes, first: int, last: int) -> None:
            served.ranges.append((first, 0))
            number = len(served.ranges) - 1
            self.send_response(206)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            for at in range(first, last + 1, BLOCK):
                piece = data[at : min(at + BLOCK, last + 1)]
                self.wfile.write(piece)
                served.ranges[number] = first, at + len(piece) - first

        def answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Ranges


@pytest.fixture
def joined(rig: Rig) -> Rig:
    """A session of big segments whose frames carry their numbers."""
    dice = np.random.default_rng(1)
    noise = dice.integers(30, 220, (HEIGHT, WIDTH), dtype=np.uint8)
    for number in range(SEGMENTS):
        with av.open(str(rig.node() / f"seg_{number:04d}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.options = {"preset": "ultrafast", "crf": "18", "bf": "0", "g": str(FPS)}
            for index in range(FPS):
                frame = number * FPS + index
                picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
                picture[:HEIGHT] = np.roll(noise, (frame * 37, frame * 91), (0, 1))
                draw_stamp(picture[:HEIGHT], Stamp(1_000_000 * frame, frame))
                shown = av.VideoFrame.from_ndarray(picture, "yuv420p")
                shown.pts = index
                container.mux(stream.encode(shown))
            container.mux(stream.encode(None))
    assert rig.process().exit_code == 0
    return rig


@pytest.fixture
def served(joined: Rig) -> Iterator[Served]:
    served = Served()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(joined.folder, served))
    served.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def page(served: Served) -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(served.url)
        yield page


async def shown_frame(page: Page) -> int:
    """The number that the picture on the page carries."""
    red = np.array(await page.evaluate(RED), np.uint8).reshape(-1, WIDTH)
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[: len(red)] = red
    stamp = read_stamp(picture)
    assert stamp is not None, "the picture cannot be read"
    return stamp.number


async def test_it_opens_and_seeks_with_a_few_requests(
    joined: Rig, served: Served, page: Page
) -> None:
    size = (joined.folder / "cam-a.mp4").stat().st_size
    assert size > 30 << 20, "a browser would fetch it whole"
    assert await page.evaluate(OPEN) == pytest.approx(SEGMENTS)
    (beginning, _), (index, _) = served.ranges[:2]
    assert beginning == 0
    assert 0 <= joined.source()["index"]["offset"] - index < BLOCK
    assert len(served.ranges) < SEGMENTS // 2, served.ranges  # it may have begun to buffer
    for at_s in (31.25, 4.55, 38.95):
        before = len(served.ranges)
        now_s, took_ms = await page.evaluate(SEEK, at_s)
        new = served.ranges[before:]
        print(f"seek to {at_s} s: {took_ms:.0f} ms, {len(new)} requests")
        assert now_s == pytest.approx(at_s)
        assert await shown_frame(page) == int(at_s * FPS)
        assert 0 < len(new) < SEGMENTS // 2, new
    fetched = sum(sent for _, sent in served.ranges)
    assert fetched < 2 * size


async def test_one_box_for_each_segment_would_cost_a_request_each(
    joined: Rig, served: Served, page: Page
) -> None:
    """The control: the same file without the last 8 bytes that finishing writes."""
    first = joined.source()["chunks"][0]
    video = joined.folder / "cam-a.mp4"
    whole, at = video.read_bytes(), first["offset"] - 8
    video.write_bytes(whole[:at] + struct.pack(">Q", first["length"] + 16) + whole[at + 8 :])
    assert await page.evaluate(OPEN) == pytest.approx(SEGMENTS)
    assert len(served.ranges) > SEGMENTS // 2, served.ranges
