"""A plan in lines for a person: what ``--dry-run`` prints. Pure."""

from ctlr.postprocess.run.plan import Plan
from ctlr.postprocess.video.planned import PlannedVideo


def describe(plan: Plan) -> list[str]:
    """The plan in lines for a person."""
    lines = [f"session {plan.uuid} -> {plan.folder}/ ({plan.bytes / 2**20:.1f} MB)"]
    for video in plan.videos:
        lines += _describe_video(video)
    lines += [f"  {copy.target}: {copy.size} bytes" for copy in plan.copies]
    if plan.can:
        size = plan.can.found.bytes if plan.can.found else 0
        span = f"{plan.can.first_ms} to {plan.can.last_ms} ms"
        lines.append(f"  can_raw.csv: {span}, about {size / 2**20:.1f} MB")
    lines += [f"  missing: {node}: {why}" for node, why in plan.missing]
    lines += [f"  problem: {problem.text}" for problem in plan.problems]
    lines.append("complete" if plan.complete else "incomplete")
    return lines


def _describe_video(video: PlannedVideo) -> list[str]:
    lines = []
    for number, part in enumerate(video.parts):
        first = part.segments[0].facts
        how = part.method + (f" ({part.why_remux})" if part.why_remux else "")
        lines.append(
            f"  {video.file(number)}: {len(part.segments)} segments, {part.frames} frames, "
            f"{first.codec} {first.width}x{first.height}, from {float(part.starts_at):.3f} s, {how}"
        )
    for gap in video.gaps:
        where = f"after {gap.after_segment}" if gap.after_segment else "before the first segment"
        about = "about " if gap.estimated else ""
        lines.append(f"    gap {where}: {about}{gap.expected_ms} ms ({gap.reason})")
    return lines + [f"    problem: {problem.text}" for problem in video.problems]
