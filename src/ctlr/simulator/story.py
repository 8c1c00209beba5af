"""One session as a phone drives it: its own uuid, start, watch, stop, then wait for the result.

Only the REST API is used, so what works here works for the app. The wait is over when the
manifest on the sync disk names every uploaded file: a session may be joined once before the
upload and again with it. Only then is it worth waiting for the read-back.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

POLL_S = 0.25
READY_DEADLINE_S = 20.0
PROCESSED_DEADLINE_S = 180.0
VERIFIED_DEADLINE_S = 60.0

Json = dict[str, Any]


class StoryError(Exception):
    """The controller refused or failed; the message is its own reason."""


@dataclass(frozen=True)
class Recorded:
    """What the controller said about a recording; times in Unix milliseconds."""

    uuid: str
    start_at_ms: int
    stopped_at_ms: int
    cameras: tuple[str, ...]


async def wait_until_ready(http: aiohttp.ClientSession) -> None:
    """Wait until the controller sees every camera. Raises ``StoryError`` naming those it misses."""
    status: Json = {"cameras": []}
    try:
        async with asyncio.timeout(READY_DEADLINE_S):
            while not (status.get("ready") and all(c["connected"] for c in status["cameras"])):
                status = await ask(http, "GET", "/api/status")
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        away = [f"{c['name']} ({c['error']})" for c in status["cameras"] if not c["connected"]]
        raise StoryError(
            f"The rig was not ready within {READY_DEADLINE_S:g} s. Cameras away: "
            f"{', '.join(away) or 'none'}. Warnings: {status.get('warnings')}"
        ) from error


async def record(
    http: aiohttp.ClientSession, uuid: str, seconds: float, on_status: Callable[[Json], None]
) -> Recorded:
    """Start a session, watch ``/api/status`` for ``seconds`` after ``start_at``, and stop it.

    Raises ``StoryError`` when the controller refuses or a camera does not start.
    """
    started = await ask(http, "POST", f"/api/record/start?uuid={uuid}")
    silent = [
        f"{camera['name']}: {camera['error']}" for camera in started["cameras"] if camera["error"]
    ]
    if silent:
        raise StoryError(f"Not every camera started: {'; '.join(silent)}")
    start_at_ms = started["start_at"]
    while time.time() < start_at_ms / 1000 + seconds:
        on_status(await ask(http, "GET", "/api/status"))
        await asyncio.sleep(min(POLL_S, max(0, start_at_ms / 1000 + seconds - time.time())))
    stopped = await ask(http, "POST", f"/api/record/stop?uuid={uuid}")
    if stopped["errors"]:
        raise StoryError(f"Not every camera stopped: {'; '.join(stopped['errors'])}")
    names = tuple(camera["name"] for camera in started["cameras"])
    return Recorded(uuid, start_at_ms, stopped["stopped_at"], names)


async def wait_until_processed(
    http: aiohttp.ClientSession,
    uuid: str,
    sync: Path,
    uploads: set[str],
    on_status: Callable[[Json], None],
) -> Path:
    """Wait for a manifest that names ``uploads``, and return the session's folder below ``sync``.

    Raises ``StoryError`` when the session failed or took longer than ``PROCESSED_DEADLINE_S``.
    """
    session: Json = {}
    try:
        async with asyncio.timeout(PROCESSED_DEADLINE_S):
            while True:
                session = await ask(http, "GET", f"/api/sessions/{uuid}")
                if session["state"] == "failed":
                    raise StoryError(f"The session failed. {_trouble(session)}")
                folder = sync / (session["folder"] or "")
                if session["state"] == "done" and _names_all(folder, uploads):
                    return folder
                on_status(await ask(http, "GET", "/api/status"))
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise StoryError(
            f"The session was not finished within {PROCESSED_DEADLINE_S:g} s; it is "
            f"{session.get('state', 'unknown')}. {_trouble(session)}"
        ) from error


async def wait_until_verified(folder: Path) -> None:
    """Wait until every file of the session was read back from the disk and compared.

    Raises ``StoryError`` when that takes longer than ``VERIFIED_DEADLINE_S``.
    """
    try:
        async with asyncio.timeout(VERIFIED_DEADLINE_S):
            while read_manifest(folder).get("verified_at") is None:  # noqa: ASYNC110 - a file
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise StoryError(
            f"The session was not read back within {VERIFIED_DEADLINE_S:g} s; its manifest has "
            "no verified_at. It is all there, but unproven."
        ) from error


def _trouble(session: Json) -> str:
    """What the controller says about a session that does not get on."""
    said = [problem["message"] for problem in session.get("problems", [])]
    said += [job["error"] for job in session.get("jobs", []) if job["error"]]
    return "; ".join(said) or "The controller gives no reason."


async def ask(http: aiohttp.ClientSession, method: str, path: str) -> Json:
    """One call. Raises ``StoryError`` with the controller's own sentence when it is refused."""
    try:
        async with http.request(method, path) as answer:
            body: Json = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise StoryError(f"{method} {path}: no answer from the controller ({error!r}).") from error
    if answer.status >= 400:
        raise StoryError(f"{method} {path} was refused: {body.get('detail', body)}")
    return body


def _names_all(folder: Path, uploads: set[str]) -> bool:
    manifest = read_manifest(folder)
    sources = manifest.get("sources", {})
    files = [file for kind in ("phone", "watch") for file in sources.get(kind, {}).get("files", [])]
    named = {Path(file).name for file in files}
    return bool(manifest) and uploads <= named


def read_manifest(folder: Path) -> Json:
    """The manifest of a session folder; empty where there is none yet."""
    try:
        manifest: Json = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return manifest
