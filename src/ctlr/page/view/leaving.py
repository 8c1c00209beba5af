"""Whether the crew can leave: what is still missing, and the time it takes. Pure.

They can leave once the controller holds everything that the cameras have of the take: from then on
nothing is needed of anyone, and the cameras may be switched off. Joining goes on without them, and
is taken up again if the power goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ctlr.api.overview import Facts
from ctlr.nodes.fleet import NodeView
from ctlr.page.view import words
from ctlr.page.view.memory import CameraMemory, Memory
from ctlr.postprocess.supervise.jobs import Job, JobState
from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.lacks import find_lacks, is_complete
from ctlr.sessions.model import Session, SessionState

ASKED_FOR_MS = 12 * 3_600_000
"""For so long after its end a take is spoken of."""


@dataclass(frozen=True)
class Leaving:
    """``uuid`` is the newest take's. ``level``: ok (leave), warn (wait), bad (somebody must act).
    ``rest`` is what goes on by itself."""

    uuid: str
    name: str
    level: str
    headline: str
    text: str
    rest: str
    can_leave: bool
    is_made: bool


def leaving(facts: Facts, memory: Memory) -> Leaving | None:
    """About the newest take; None while one is recorded, or where there is none to speak of."""
    if facts.current is not None or not facts.newest:
        return None
    session, copy = facts.newest[0]
    ended_ms = session.stopped_at_ms
    if ended_ms is None or facts.now_ms - ended_ms > ASKED_FOR_MS or session.binned_at_ms:
        return None
    job = next((job for job in facts.jobs if job.uuid == session.uuid), None)
    name = session.label or f"take {session.uuid[:8]}"
    level, headline, text = _verdict(session, copy, facts, memory)
    made = copy is not None
    rest = _rest(copy, job) if level == "ok" else ""
    return Leaving(session.uuid, name, level, headline, text, rest, level == "ok", made)


def _verdict(
    session: Session, copy: SessionCopy | None, facts: Facts, memory: Memory
) -> tuple[str, str, str]:
    if session.never_began:
        return ("ok", "You can leave now", "It was stopped before it began: nothing was recorded.")
    if session.state is SessionState.FAILED:
        why = session.error or "it does not say why"
        text = f"The raw data is kept. The take could not be made ready: {why}."
        return ("ok", "You can leave now", text)
    waits = _waits(session, copy, facts)
    if stuck := [text for text, can_wait in waits if not can_wait]:
        return ("bad", "Do not leave yet", words.sentence("; ".join(stuck)))
    if waits or session.state is SessionState.COLLECTING:
        eta = _eta_s(session, facts, memory)
        headline = f"{words.countdown(eta)} still" if eta is not None else "Not yet"
        text = "; ".join(text for text, _ in waits) or "the last files are being counted"
        return ("warn", headline, words.sentence(text))
    text = "Everything that the cameras recorded is on the rig's own drive."
    if is_complete(session, copy) is False:
        text = "Nothing more is to come. The take is not whole: see below."
    return ("ok", "You can leave now", text)


def _waits(session: Session, copy: SessionCopy | None, facts: Facts) -> list[tuple[str, bool]]:
    """What each camera still has, and whether it comes by itself."""
    views = {view.name: view for view in facts.views}
    found = []
    if not facts.logging.healthy:
        why = f"the logging drive is not usable ({facts.logging.error})"
        pending = any(not node.complete for node in session.nodes if node.started)
        found += [(why, False)] if pending else []
    for lack in find_lacks(session, copy):
        if lack.still_on is None:
            continue
        view = views.get(lack.still_on)
        files = "files" if lack.files is None else words.count(lack.files, "file")
        if view is None or not view.connected:
            found.append((f"{lack.still_on} does not answer and still has {files}", False))
        else:
            found.append((f"{lack.still_on} still brings {files}", True))
    named = {lack.still_on for lack in find_lacks(session, copy)}
    if session.state is SessionState.COLLECTING:
        found += [
            _unfinished(node.name, views.get(node.name))
            for node in session.nodes
            if node.started and not node.complete and node.name not in named
        ]
    return found


def _unfinished(name: str, view: NodeView | None) -> tuple[str, bool]:
    if view is None or not view.connected:
        return (f"{name} does not answer and has not said that it sent everything", False)
    queued = view.status.sync.segments_queued if view.status else 0
    if queued:
        return (f"{name} still brings {words.count(queued, 'file')}", True)
    return (f"{name} is about to finish", True)


def _eta_s(session: Session, facts: Facts, memory: Memory) -> float | None:
    """From how fast each camera sent since the stop; the slowest decides."""
    if memory.uuid != session.uuid or memory.ended_at_ms is None:
        return None
    passed_s = (facts.now_ms - memory.ended_at_ms) / 1000
    times = [_camera_eta_s(view, memory.cameras, passed_s) for view in facts.views]
    if None in times or passed_s < 1:
        return None
    return max((time for time in times if time is not None), default=None)


def _camera_eta_s(
    view: NodeView, cameras: Mapping[str, CameraMemory], passed_s: float
) -> float | None:
    known = cameras.get(view.name)
    left = view.status.sync.segments_queued if view.status else None
    if left == 0:
        return 0.0
    if left is None or known is None or known.pending_at_stop is None:
        return None
    sent = known.pending_at_stop - left
    return left * passed_s / sent if sent > 0 else None


def _rest(copy: SessionCopy | None, job: Job | None) -> str:
    """What goes on by itself once the crew has left."""
    if copy is not None and copy.verified_at_ms is not None:
        return "It is joined, and read back from the sync drive: every byte is as it was written."
    if job is not None:
        return _of_job(job)
    return "" if copy is None else "It is joined on the sync drive, and not read back yet."


def _of_job(job: Job) -> str:
    time = "" if job.eta_s is None else f", {words.countdown(job.eta_s)} still"
    said = {
        JobState.RUNNING: f"It is being joined{_done(job)}{time}. This goes on without you, with "
        "power.",
        JobState.VERIFYING: f"It is joined, and is being read back{_done(job)}{time}.",
        JobState.FAILED: f"It could not be joined: {job.error}. The raw data is kept; it is tried "
        "again.",
        JobState.DONE: "It is joined on the sync drive.",
    }
    if job.state in said:
        return said[job.state]
    if job.waiting_for:
        return f"Joining waits for {words.listed(job.waiting_for)}."
    return "It is joined next. This goes on without you, with power."


def _done(job: Job) -> str:
    return f" ({100 * job.done_bytes // job.total_bytes} %)" if job.total_bytes else ""
