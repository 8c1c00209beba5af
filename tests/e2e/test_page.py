"""The page in a browser, against a real controller and three camera processes."""

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page
from tests.browsers import CHROMIUM, LAPTOP, PHONE, chromium, faults, open_page, wear, width_of

from ctlr.simulator.rig import Rig

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.timeout(900),
]
SCREENS = ["/", "/storage", "/sessions", "/system", "/system/selftest", "/help", "/help/field-page"]
FIRST_VISIT, SECOND_VISIT = 150_000, 10_000
WITHIN_MS = 180_000


async def test_three_taps_from_ready_to_you_can_leave_now(rig: Rig) -> None:
    async with chromium() as browser:
        first = await browser.new_context(viewport=PHONE)
        second = await browser.new_context(viewport=LAPTOP)
        asked: list[str] = []
        first.on("request", lambda request: asked.append(request.url))
        page = await open_page(first, rig.places.url)
        other = await open_page(second, f"{rig.places.url}/sessions")
        await _says(page, ".headline", "Ready to record")
        await page.locator("#label").fill("lap <1>")

        await page.locator("#go").click()
        await page.wait_for_selector("body[data-mode=recording]", timeout=WITHIN_MS)
        await other.wait_for_selector("body[data-mode=recording]", timeout=WITHIN_MS)
        assert await other.locator(".tally").is_visible()
        await page.wait_for_function("document.title.startsWith('●')")
        red = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert red == "rgb(179, 0, 31)"
        assert re.match(r"Records until \d\d:\d\d, then ", await _text(page, ".more"))
        await _segments_come(page)

        await page.locator("#go").click()
        await page.locator("#stop-now").click()
        await _says(page, ".leaving .sign", "You can leave now")
        assert await page.locator("#leaving .of").inner_text() == "lap <1>"
        await _says(page, ".leaving .rest", "read back from the sync drive", anywhere=True)
        await page.locator("#take h2").wait_for()
        assert await page.locator("#take .figure").count() >= 4
        await _says(page, "#take h2", "omplete", anywhere=True)
        await other.get_by_role("link", name="lap <1>").wait_for()
        assert [url for url in asked if not url.startswith((rig.places.url, "blob:"))] == []

        await page.get_by_role("button", name="Good take").click()
        await _says(page, "#says", "Kept: good take.")
        await page.get_by_role("button", name="Next take").click()
        await page.locator("#leaving").wait_for(state="hidden")
        sessions = await (await rig.http.get("/api/sessions")).json()
        assert [each["verdict"] for each in sessions["sessions"]] == ["good"]
        await page.reload()
        await page.wait_for_selector("#line[data-state=live]")
        assert await page.locator("#leaving").is_hidden()


async def test_one_tap_or_two_at_one_place_stop_nothing(rig: Rig) -> None:
    async with chromium() as browser:
        page = await open_page(await browser.new_context(viewport=PHONE), rig.places.url)
        await page.locator("#go").click()
        await page.wait_for_selector("body[data-mode=recording]", timeout=WITHIN_MS)
        await page.locator("#go").dblclick()
        await page.locator("#stop-now").wait_for(state="hidden")
        await page.locator("#go").click()
        await page.locator("#stop-now").wait_for(state="visible")
        await page.locator("#stop-now").wait_for(state="hidden")  # nobody was sure
        assert (await _status(rig))["recording"] is True
        await page.locator("#mark-label").fill("hard braking")
        await page.locator("#mark-go").click()
        await _says(page, "#says", "hard braking", anywhere=True)
        await rig.http.post("/api/record/stop")


async def test_a_camera_that_is_lost_is_said_and_stays_said(rig: Rig) -> None:
    async with chromium() as browser:
        page = await open_page(await browser.new_context(viewport=PHONE), rig.places.url)
        await page.locator("#arm").click()
        await page.locator("#go").click()
        await page.wait_for_selector("body[data-mode=recording]", timeout=WITHIN_MS)
        await _segments_come(page)
        await rig.camera("cam-2").kill()
        await page.wait_for_selector(".watch[data-level=bad]", timeout=WITHIN_MS)
        assert "cam-2 has not answered since" in await _text(page, ".watch")
        assert await page.locator(".camera[data-item=cam-2][data-level=bad]").count() == 1
        await rig.camera("cam-2").start()
        await _says(page, ".camera[data-item=cam-2] .latched", "was away for", anywhere=True)
        await rig.http.post("/api/record/stop")
        await page.wait_for_selector("body[data-mode=idle]", timeout=WITHIN_MS)
        late = await open_page(await browser.new_context(viewport=PHONE), rig.places.url)
        for each in (page, late):
            latched = each.locator(".camera[data-item=cam-2] .latched")
            assert "was away for" in (await latched.inner_text()).lower()


async def test_a_line_that_is_lost_says_since_when_and_comes_back(rig: Rig) -> None:
    async with chromium() as browser:
        page = await open_page(await browser.new_context(viewport=PHONE), rig.places.url)
        shown = await _text(page, "#cameras")
        rig.controller.pause()  # as a Wi-Fi that is half gone: nothing closes, nothing comes
        try:
            await page.wait_for_selector("#line[data-state=lost]", timeout=WITHIN_MS)
            assert re.fullmatch(r"lost since \d\d:\d\d:\d\d", await _text(page, "#line-text"))
            assert await _text(page, "#cameras") == shown
        finally:
            rig.controller.resume()
        await page.wait_for_selector("#line[data-state=live]", timeout=WITHIN_MS)
        await page.context.set_offline(True)
        await page.wait_for_selector("#line[data-state=lost]", timeout=WITHIN_MS)
        await page.context.set_offline(False)
        await page.wait_for_selector("#line[data-state=live]", timeout=WITHIN_MS)
        await rig.controller.restart()
        await page.wait_for_selector("#line[data-state=live]", timeout=WITHIN_MS)


async def test_every_screen_holds_to_wcag_at_every_size_and_look(rig: Rig) -> None:
    await rig.http.post("/api/record/start?label=lap 1")
    found: dict[str, Any] = {}
    async with chromium() as browser:
        for look in ("light", "dark", "sun"):
            for size in (PHONE, LAPTOP):
                context = await browser.new_context(viewport=size)
                await wear(context, rig.places.url, look)
                where = f"{look} {size['width']}"
                found |= await _look_over(context, rig, ["/"], f"recording {where}")
                await context.close()
        await rig.http.post("/api/record/stop")
        uuid = (await (await rig.http.get("/api/sessions")).json())["sessions"][0]["uuid"]
        await _until_verified(rig, uuid)
        for look in ("light", "dark", "sun"):
            context = await browser.new_context(viewport=PHONE)
            await wear(context, rig.places.url, look)
            screens = [*SCREENS, f"/sessions/{uuid}", "/sessions/0000"]
            found |= await _look_over(context, rig, screens, look)
            await context.close()
    assert {where: what for where, what in found.items() if what} == {}
    assert len(found) == 33


async def test_what_is_painted_is_what_becomes_live(rig: Rig) -> None:
    """The words are there without JavaScript, and nothing moves when it comes."""
    async with chromium() as browser:
        plain = await browser.new_context(viewport=PHONE, java_script_enabled=False)
        live = await browser.new_context(viewport=PHONE)
        for path in ("/", "/storage"):
            without = await plain.new_page()
            await without.goto(rig.places.url + path)
            page = await open_page(live, rig.places.url + path)
            for part in ("main h1", ".camera h3", ".partition h2", ".go", ".checks b"):
                here = await page.locator(part).all_inner_texts()
                assert await without.locator(part).all_inner_texts() == here
            boxes = [
                await each.locator("main > section").first.bounding_box()
                for each in (without, page)
            ]
            assert boxes[0] == boxes[1]


async def test_large_text_keeps_on_the_screen(rig: Rig) -> None:
    async with chromium() as browser:
        context = await browser.new_context(viewport=PHONE)
        for path in SCREENS:
            page = await open_page(context, rig.places.url + path)
            await page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert await width_of(page) <= PHONE["width"], path
            await page.close()


async def test_how_much_comes_over_the_air(rig: Rig) -> None:
    async with chromium() as browser:
        context = await browser.new_context(viewport=PHONE)
        first = await _bytes_of_visit(context, rig.places.url)
        second = await _bytes_of_visit(context, rig.places.url)
    assert 10_000 < first <= FIRST_VISIT
    assert 1_000 < second <= SECOND_VISIT


async def _look_over(
    context: BrowserContext, rig: Rig, screens: list[str], where: str
) -> dict[str, Any]:
    """Faults by screen; one that is too wide is a fault."""
    found = {}
    for path in screens:
        page = await open_page(context, rig.places.url + path)
        wrong = await faults(page)
        size = page.viewport_size
        assert size is not None
        if (wide := await width_of(page)) > size["width"]:
            wrong.append(f"it is {wide} wide")
        found[f"{where} {path}"] = wrong
        await page.close()
    return found


async def _bytes_of_visit(context: BrowserContext, url: str) -> int:
    """What one visit brings until it is live, with headers, but for the cameras' pictures: those
    that have ended by what they were in all, the stream by what has come of it."""
    page = await context.new_page()
    line = await context.new_cdp_session(page)
    await line.send("Network.enable")
    addresses: dict[str, str] = {}
    came: dict[str, float] = {}

    def note(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["request"]["url"]

    def count(event: dict[str, Any]) -> None:
        more = max(event["encodedDataLength"], event["dataLength"])
        came[event["requestId"]] = came.get(event["requestId"], 0) + more

    def end(event: dict[str, Any]) -> None:
        came[event["requestId"]] = event["encodedDataLength"]

    line.on("Network.requestWillBeSent", note)
    line.on("Network.dataReceived", count)
    line.on("Network.loadingFinished", end)
    await page.goto(url)
    await page.wait_for_selector("#line[data-state=live]")
    await page.wait_for_load_state("load")
    await page.evaluate("fetch('/health')")  # what ended before it has been told of by now
    await page.close()
    counted = [size for of, size in came.items() if "/preview.jpg" not in addresses[of]]
    return round(sum(counted))


async def _says(page: Page, selector: str, text: str, *, anywhere: bool = False) -> None:
    """Wait until an element says so."""
    await page.wait_for_function(
        """([selector, text, anywhere]) => {
          const found = document.querySelector(selector);
          if (!found || found.hidden) return false;
          const said = found.textContent;
          return anywhere ? said.toLowerCase().includes(text.toLowerCase()) : said === text;
        }""",
        arg=[selector, text, anywhere],
        timeout=WITHIN_MS,
    )


async def _segments_come(page: Page) -> None:
    await page.wait_for_function(
        """() => [...document.querySelectorAll('.camera .figure[data-item=Segment] dd')]
             .every((each) => Number(each.textContent) >= 1)""",
        timeout=WITHIN_MS,
    )


async def _text(page: Page, selector: str) -> str:
    return str(await page.locator(selector).first.inner_text())


async def _status(rig: Rig) -> Any:
    return await (await rig.http.get("/api/status")).json()


async def _until_verified(rig: Rig, uuid: str) -> None:
    async with asyncio.timeout(60):
        while True:
            answer = json.loads(await (await rig.http.get(f"/api/sessions/{uuid}")).text())
            if answer["verified_at"]:
                return
            await asyncio.sleep(0.2)
