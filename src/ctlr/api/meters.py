"""What is measured while the controller runs: how long answers and jobs take."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ctlr.telemetry.exposition import Counter, Histogram

ANSWER_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
JOB_BOUNDS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

_NOBODYS = frozenset({"405"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    def __init__(self) -> None:
        self.answers = Histogram(
            "ctlr_http_request_duration_seconds",
            "From a request to the begin of its answer, by route",
            ANSWER_BOUNDS_S,
        )
        self.statuses = Counter("ctlr_http_requests_total", "Answers, by route and HTTP status")
        self.jobs = Histogram(
            "ctlr_job_duration_seconds",
            "Post-processing of a session, by task and result",
            JOB_BOUNDS_S,
        )


def measured(app: ASGIApp, meters: Meters) -> ASGIApp:
    """``app`` with each answer counted under its route's template, never under its path: a path
    is made up by the client. What streams for ever counts when it begins. A refused method is
    counted and not timed: nothing of ours answered it."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                status, route = str(message["status"]), _route(scope)
                method = "other" if status in _NOBODYS else _method(scope)
                if status not in _NOBODYS:
                    meters.answers.observe(time.perf_counter() - began, route=route, method=method)
                meters.statuses.count(route=route, method=method, status=status)
            await send(message)

        await app(scope, receive, send_measured)

    return call


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "other")


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
