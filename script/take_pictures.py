#!/usr/bin/env -S sh -c 'exec "$(dirname "$(readlink -f "$0")")/../.venv/bin/python" "$0" "$@"'
"""Photograph every screen of the page, for the documents and for a person to look through.

Starts a rig of its own, records with it, breaks it, and writes pictures into a folder (default:
``.cache/pictures``): light, dark and sun; phone and desktop; empty, busy and broken. The machine
should have nothing else to do: cameras that lose frames say so. With ``--docs`` the three that the
documents show are replaced.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from ctlr.simulator.rig import Rig
from ctlr.simulator.story import wait_until_ready

SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
LOOKS = ("light", "dark", "sun")
SMALL = {"camera": {"width": 640, "height": 360, "segment_s": 2}}
DOCS = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SHOWN = ("ready", "recording", "leaving")
"""What the documents show, as a phone has it."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


class Pictures:
    """Takes one picture of a screen in each look and size."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self._browser = browser
        self._url = url
        self._folder = folder

    async def take(
        self,
        name: str,
        path: str,
        looks: Sequence[str] = ("light",),
        sizes: Sequence[str] = ("phone", "desktop"),
        prepare: str = "",
        whole: bool = True,
    ) -> None:
        for look in looks:
            for size in sizes:
                page = await self._open(path, look, size)
                if prepare:
                    await page.evaluate(prepare)
                    await page.wait_for_timeout(400)
                file = self._folder / f"{name}-{size}-{look}.png"
                await page.screenshot(path=file, full_page=whole)
                await page.context.close()
                print(file)

    async def _open(self, path: str, look: str, size: str) -> Page:
        width, height = SIZES[size]
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="Europe/Berlin"
        )
        await context.add_cookies([{"name": "theme", "value": look, "url": self._url}])
        page = await context.new_page()
        await page.goto(self._url + path)
        await page.wait_for_selector("#line[data-state=live]")
        await page.wait_for_timeout(1500)  # pictures of the cameras come
        return page


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        async with Rig(Path(place) / "rig", on_cameras=SMALL) as rig, async_playwright() as player:
            await wait_until_ready(rig.http)
            browser = await player.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            await photograph(rig, Pictures(browser, rig.places.url, folder))
            await browser.close()


async def photograph(rig: Rig, pictures: Pictures) -> None:
    await pictures.take("docs-ready", "/", sizes=("phone",), whole=False)
    await pictures.take("record-ready", "/", LOOKS)
    await pictures.take("takes-empty", "/sessions")
    await rig.http.post("/api/record/start?label=lap 1, dry&by=An iPhone")
    await asyncio.sleep(8)
    await rig.http.post("/api/sessions/current/marks", json={"label": "hard braking"})
    await pictures.take("docs-recording", "/", sizes=("phone",), whole=False)
    await pictures.take("recording", "/", LOOKS)
    await pictures.take(
        "recording-stop", "/", sizes=("phone",), prepare="document.getElementById('go').click()"
    )
    await pictures.take("drive-recording", "/storage", sizes=("phone",))
    await rig.camera("cam-2").kill()
    await asyncio.sleep(6)
    await pictures.take("recording-lost", "/", LOOKS)
    await rig.camera("cam-2").start()
    await asyncio.sleep(6)
    await pictures.take("recording-latched", "/", sizes=("phone",))
    await rig.http.post("/api/record/stop?by=An iPhone")
    await pictures.take("leaving-wait", "/", sizes=("phone",), whole=False)
    await asyncio.sleep(12)
    await pictures.take("docs-leaving", "/", sizes=("phone",), whole=False)
    await pictures.take("leaving", "/", LOOKS, whole=False)
    await pictures.take("leaving-whole", "/", sizes=("phone",))
    await pictures.take("takes", "/sessions", LOOKS)
    answer = await rig.http.get("/api/sessions")
    uuid = (await answer.json())["sessions"][0]["uuid"]
    await pictures.take("take", f"/sessions/{uuid}", LOOKS)
    await pictures.take("drive", "/storage", LOOKS)
    await pictures.take("system", "/system", LOOKS)
    await pictures.take("selftest", "/system/selftest", sizes=("phone",))
    await pictures.take("help", "/help")
    await pictures.take("help-trouble", "/help/find-trouble")
    await pictures.take(
        "not-found", "/sessions/3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f", sizes=("phone",)
    )
    await rig.http.post("/api/storage/eject")
    await asyncio.sleep(1)
    await pictures.take("drive-safe", "/storage", LOOKS, whole=False)
    await pictures.take("record-broken", "/", LOOKS)


if __name__ == "__main__":
    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    place = Path(named[0] if named else ".cache/pictures")
    asyncio.run(main(place))
    if "--docs" in sys.argv:
        DOCS.mkdir(exist_ok=True)
        for shown in SHOWN:
            shutil.copyfile(place / f"docs-{shown}-phone-light.png", DOCS / f"{shown}.png")
