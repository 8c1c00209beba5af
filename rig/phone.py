"""The phone: taps start and stop, uploads, and looks; it taps again until it is answered."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
TRY_AGAIN_S = 0.3
POLL_S = 0.2
TIMEOUT_S = 60.0


class WaitedTooLongError(Exception):
    """What was waited for did not come; the message shows what was seen last."""


def _multipart(session: str, name: str, content: bytes) -> tuple[bytes, str]:
    """Body and content type of an upload."""
    edge = uuid.uuid4().hex
    part = f"--{edge}\r\nContent-Disposition: form-data; "
    head = f'{part}name="uuid"\r\n\r\n{session}\r\n{part}name="files"; filename="{name}"\r\n'
    body = f"{head}Content-Type: text/csv\r\n\r\n".encode() + content
    return body + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


class Phone:
    """Speaks to the controller at an address."""

    def __init__(self, address: str, port: int = 8000) -> None:
        self.url = f"http://{address}:{port}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method: str, path: str, *, content: bytes = b"", kind: str = "") -> Json:
        """One call; a refusal is an answer like any other, with ``status`` and ``code``.

        Raises ``OSError`` when nobody answers.
        """
        headers = {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(
            self.url + path, method=method, data=content or None, headers=headers
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                found: Json = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                found = json.load(error)
        return found

    def insist(self, method: str, path: str, deadline_s: float = 60.0) -> Json:
        """As ``ask``, again and again until somebody answers."""
        until = time.monotonic() + deadline_s
        while True:
            try:
                return self.ask(method, path)
            except OSError as error:
                if time.monotonic() > until:
                    raise WaitedTooLongError(f"{method} {path}: {error}") from error
                time.sleep(TRY_AGAIN_S)

    def start(self) -> str:
        """Start a session and return its uuid. Raises ``WaitedTooLongError`` when it is refused."""
        session = str(uuid.uuid4())
        answer = self.insist("POST", f"/api/record/start?uuid={session}")
        if not answer.get("success"):
            raise WaitedTooLongError(f"the start is refused: {answer}")
        return session

    def stop(self, session: str) -> Json:
        return self.insist("POST", f"/api/record/stop?uuid={session}")

    def upload(self, session: str, name: str, content: bytes) -> Json:
        """One file of sensor data."""
        body, kind = _multipart(session, name, content)
        return self.ask("POST", "/api/sync/phone", content=body, kind=kind)

    def upload_slowly(
        self, session: str, name: str, content: bytes, pieces: int, pause_s: float
    ) -> None:
        """As ``upload``, over a network that takes its time. The answer is of no interest."""
        body, kind = _multipart(session, name, content)
        size = -(-len(body) // pieces)

        def trickle() -> Iterator[bytes]:
            for begin in range(0, len(body), size):
                yield body[begin : begin + size]
                time.sleep(pause_s)

        headers = {"Content-Type": kind, "Content-Length": str(len(body))}
        request = urllib.request.Request(
            self.url + "/api/sync/phone", method="POST", data=trickle(), headers=headers
        )
        self._opener.open(request, timeout=TIMEOUT_S).close()

    def wait(self, path: str, is_it: Callable[[Json], Any], deadline_s: float, what: str) -> Json:
        """Look at ``path`` until ``is_it`` says so. Raises ``WaitedTooLongError``."""
        until = time.monotonic() + deadline_s
        seen: Json = {}
        while time.monotonic() < until:
            try:
                seen = self.ask("GET", path)
                if is_it(seen):
                    return seen
            except (OSError, KeyError, ValueError):
                pass  # it is restarting, or its answer has not got that yet
            time.sleep(POLL_S)
        raise WaitedTooLongError(f"{what}: not within {deadline_s:g} s. Last seen: {seen}")

    def wait_until_ready(self, cameras: int, deadline_s: float = 60.0) -> Json:
        """All cameras are there and both volumes are well."""
        return self.wait(
            "/api/status",
            lambda status: (
                status["ready"]
                and status["storage"]["healthy"]
                and sum(camera["connected"] for camera in status["cameras"]) == cameras
            ),
            deadline_s,
            "the rig is ready",
        )

    def wait_until_all_is_well(self) -> None:
        """Nothing is left that a preflight would find, such as clocks that have just begun."""
        self.wait(
            "/api/preflight", lambda found: bool(found["ready"]), 120.0, "the preflight is content"
        )

    def wait_until_connected(self, cameras: int) -> None:
        """The controller has found all cameras again, whatever they are doing."""
        self.wait(
            "/api/status",
            lambda status: sum(camera["connected"] for camera in status["cameras"]) == cameras,
            60.0,
            "all cameras are connected",
        )

    def wait_until_recording(self, session: str) -> None:
        """Every camera has frames of it on its card."""
        self.wait(
            "/api/status",
            lambda status: (
                status["uuid"] == session
                and all(camera["state"] == "recording" for camera in status["cameras"])
                and status["duration"] > 0
            ),
            30.0,
            "all cameras record",
        )

    def wait_until_done(self, session: str, deadline_s: float = 180.0) -> Json:
        return self.wait(
            f"/api/sessions/{session}",
            lambda found: found["state"] == "done" and not found.get("problems_pending"),
            deadline_s,
            f"session {session} is done",
        )
