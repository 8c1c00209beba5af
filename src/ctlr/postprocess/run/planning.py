"""What is to be made of a session, from what lies on the logging disk now.

The decisions are pure (``plan``, ``video.planned``); here the files are found and opened for them. What
ails one camera's files, or the CAN recording, costs that source and nothing else.
"""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from ctlr.config import Settings
from ctlr.layout.raw import LoggingLayout
from ctlr.layout.session import session_folder
from ctlr.postprocess.can.found import find_rows
from ctlr.postprocess.folder.folders import choose_folder, find_folder
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.run.plan import Plan, make_plan
from ctlr.postprocess.video.examine import Examiner
from ctlr.postprocess.video.facts import NodeFiles, SegmentFacts, SessionFiles
from ctlr.postprocess.video.planned import PlannedVideo, plan_video, unplanned_video
from ctlr.postprocess.video.scan import scan_session
from ctlr.postprocess.video.twins import find_twins
from ctlr.sessions.model import Session

_log = structlog.get_logger("postprocess")


def plan_session(
    settings: Settings, uuid: str, facts: Session | None = None, examiner: Examiner | None = None
) -> Plan:
    """What ``process`` would do now. Opens every segment, writes nothing. Raises ``OSError``."""
    layout = LoggingLayout(settings.storage.logging)
    examiner = examiner or Examiner()
    files = scan_session(layout, uuid)
    segments = {
        node.node: examiner.examine_node(layout.node_session(node.node, uuid), node)
        for node in files.nodes
    }
    plan = make_plan(files, plan_videos(files, segments, facts), "", facts)
    if _end_at_stop(plan, segments, layout, examiner):
        plan = make_plan(files, plan_videos(files, segments, facts), "", facts)
    plan = _with_twins(_with_can_rows(plan, layout), segments, layout)
    existing = find_folder(settings, uuid)
    if existing is None:
        wanted = session_folder(
            settings.storage.session_folder, uuid, plan.started_at, facts.label if facts else None
        )
        name = choose_folder(settings.storage.sync, wanted, uuid)
    else:
        name = existing.name
    return replace(plan, folder=name)


def plan_videos(
    files: SessionFiles, segments: Mapping[str, list[SegmentFacts]], facts: Session | None
) -> list[PlannedVideo]:
    """What is to be made of each camera; one whose segments nobody understands has failed."""
    return [_plan_video(node, segments[node.node], facts) for node in files.nodes if node.names]


def _plan_video(
    files: NodeFiles, segments: list[SegmentFacts], facts: Session | None
) -> PlannedVideo:
    try:
        return plan_video(files, segments, facts)
    except Exception as error:  # one camera's files must not cost the others
        _log.exception("a camera's segments cannot be placed", node=files.node)
        why = f"its segments cannot be placed ({type(error).__name__})"
        return unplanned_video(files, facts, why)


def _end_at_stop(
    plan: Plan,
    segments: dict[str, list[SegmentFacts]],
    layout: LoggingLayout,
    examiner: Examiner,
) -> bool:
    """Have segments that the session's stop falls into end there; whether there are any."""
    cuts = [(video.node, *video.cut) for video in plan.videos if video.cut]
    for node, name, ticks in cuts:
        shorter = examiner.end_at(layout.node_session(node, plan.uuid) / name, ticks)
        segments[node] = [shorter if f.name == name else f for f in segments[node]]
    return bool(cuts)


def _with_can_rows(plan: Plan, layout: LoggingLayout) -> Plan:
    """The plan with where the session's CAN rows are. What ails that recording harms no other."""
    if plan.can is None:
        return plan
    try:
        found = find_rows(layout.can_folder(), plan.can.windows)
    except OSError as error:
        text = f"The CAN recording cannot be read ({error.strerror}); its rows were left out."
        return replace(plan, problems=(*plan.problems, Problem("can_unreadable", text)))
    return replace(plan, can=replace(plan.can, found=found))


def _with_twins(plan: Plan, segments: dict[str, list[SegmentFacts]], layout: LoggingLayout) -> Plan:
    twins = tuple(find_twins(segments, lambda node: layout.node_session(node, plan.uuid)))
    problems = (*plan.problems, *(found.problem() for found in twins))
    return replace(plan, twins=twins, problems=problems)
