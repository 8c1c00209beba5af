"""Everything that the live part of the page shows, put together. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from ctlr.api.overview import Facts
from ctlr.page.view import cameras, leaving, preflight, record, storage, words
from ctlr.page.view.memory import Memory
from ctlr.recording.preflight import Finding

PRESS_SHOWN_MS = 30 * 60_000


def rig_view(
    facts: Facts, findings: Sequence[Finding], memory: Memory, screens: int
) -> dict[str, Any]:
    """The view as JSON has it."""
    shown = preflight.lines(findings, {"logging": facts.logging, "sync": facts.sync})
    well = all(line.ok for line in shown)
    head = record.headline(facts, well)
    alerts = record.alerts(facts, memory.cameras)
    found = [asdict(alert) for alert in alerts]
    left = leaving.leaving(facts, memory)
    return {
        "head": asdict(head),
        "button": asdict(record.button(facts)),
        "idle": head.mode == "idle",
        "alerts": found,
        "watch": asdict(record.watch(facts, alerts)),
        "hands": [alert["key"] for alert in found if alert["hands"]],
        "ended": record.ended_by_itself(facts),
        "cameras": [
            asdict(cameras.card(view, facts, memory.cameras.get(view.name))) for view in facts.views
        ],
        "preflight": {
            "summary": preflight.summary(shown),
            "ok": well,
            "failed": [asdict(line) for line in shown if not line.ok],
            "passed": [asdict(line) for line in shown if line.ok],
        },
        "leaving": None if left is None else asdict(left),
        "drive": asdict(storage.drive(facts)),
        "company": _company(facts, screens),
        "sessions": _stamp(facts),
        "system": _system(facts),
    }


def id_of(view: dict[str, Any]) -> str:
    """What tells one view from another."""
    return blake2b(json.dumps(view).encode(), digest_size=6).hexdigest()


def _company(facts: Facts, screens: int) -> dict[str, str]:
    """Who looks at the rig beside the reader, and who pressed last."""
    others = "" if screens < 2 else f"{screens} screens watch this rig."
    pressed = [
        (press.at_ms, f"{press.by} {verb} the take at {words.at(press.at_ms)}.")
        for press, verb in ((facts.started, "started"), (facts.stopped, "stopped"))
        if press is not None
    ]
    at_ms, act = max(pressed, default=(0, ""))
    shown = facts.now_ms - at_ms < PRESS_SHOWN_MS
    return {"others": others, "act": act if shown else ""}


def _stamp(facts: Facts) -> str:
    """Changes when the list of sessions does."""
    state = [(s.uuid, s.state, s.label, s.verdict, c and c.verified_at_ms) for s, c in facts.newest]
    jobs = [(job.uuid, job.state) for job in facts.jobs]
    return blake2b(repr((state, jobs)).encode(), digest_size=6).hexdigest()


def _system(facts: Facts) -> str:
    health = facts.system
    temp = "" if health.temp is None else f", {health.temp:.0f} \u00b0C"
    return f"Controller: processor {health.cpu:.0f} %, memory {health.mem:.0f} %{temp}"
