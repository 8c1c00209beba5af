"""What uses the drive in the background: what an eject must not interrupt, and what it would cut
short. Pure. Recordings and uploads say so at the gate themselves."""

from collections.abc import Iterable, Iterator

from ctlr.gate import Work
from ctlr.nodes.fleet import NodeView
from ctlr.postprocess.supervise.jobs import Job, JobState


def find_background_work(
    jobs: Iterable[Job], views: Iterable[NodeView], *, collecting: bool
) -> list[Work]:
    """What goes on by itself, what an eject must not interrupt first."""
    jobs = list(jobs)
    found = [*_joining(jobs), *_delivering(views)]
    if collecting:
        text = "A session is still coming in"
        found.append(Work("collecting", text, blocks=False))
    return [*found, *_reading(jobs)]


def _joining(jobs: Iterable[Job]) -> Iterator[Work]:
    for job in jobs:
        if job.state is JobState.RUNNING:
            done = f" ({100 * job.done_bytes // job.total_bytes} %)" if job.total_bytes else ""
            detail = f"Session {job.uuid} is being joined{done}"
            text = "Video processing in progress"
            yield Work("processing_in_progress", text, detail, job.eta_s)


def _reading(jobs: Iterable[Job]) -> Iterator[Work]:
    for job in jobs:
        if job.state is JobState.VERIFYING:
            detail = f"Session {job.uuid} is being read back"
            yield Work("verifying", "A session is being read back", detail, job.eta_s, blocks=False)


def _delivering(views: Iterable[NodeView]) -> Iterator[Work]:
    for view in views:
        status = view.status
        if view.connected and status is not None and status.sync.segments_queued:
            left = f"{view.name} has {status.sync.segments_queued} files to send"
            yield Work("delivery", "Cameras still have files to send", left, blocks=False)
