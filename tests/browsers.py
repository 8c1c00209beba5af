"""Browsers as the crew has them: a phone or a laptop on the rig's Wi-Fi."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 360, "height": 740}
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(context: BrowserContext, url: str) -> Page:
    """A page that is live."""
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector("#line[data-state=live]")
    return page


async def wear(context: BrowserContext, url: str, look: str) -> None:
    """Take on a look before anything is painted."""
    await context.add_cookies([{"name": "theme", "value": look, "url": url}])


async def faults(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA: the rule and the first element of each."""
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    assert found["passes"], "axe has looked at nothing"
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


async def width_of(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth"))
