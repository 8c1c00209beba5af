"""What a manifest says of a session as a whole, for the record. Pure."""

from ctlr.postprocess.manifest.shapes import FailedSource, Manifest, ProblemEntry, VideoSource
from ctlr.sessions.copies import SessionCopy


def copy_of(manifest: Manifest) -> SessionCopy:
    """The copy that a manifest describes; each source's worst is told in a few words."""
    faults = {name: fault for name, s in manifest.sources.items() if (fault := _fault(s))}
    own = [problem for problem in manifest.problems if problem.harms]
    if own:
        faults[""] = _more(own[0].text, len(own))
    videos = {n: s for n, s in manifest.sources.items() if isinstance(s, VideoSource)}
    return SessionCopy(
        revision=manifest.revision,
        complete=manifest.complete,
        verified_at_ms=manifest.verified_at,
        damaged=len(manifest.damaged),
        missing=manifest.missing,
        faults=faults,
        segments={name: video.segments for name, video in videos.items()},
    )


def describe_faults(manifest: Manifest) -> list[str]:
    """What a manifest says is wrong with its session, a text for each source."""
    return [f"{name}: {text}" if name else text for name, text in copy_of(manifest).faults.items()]


def _fault(source: object) -> str | None:
    if isinstance(source, FailedSource):
        return source.error
    if not isinstance(source, VideoSource):
        return None
    if source.gaps:
        seconds = sum(gap.expected_ms for gap in source.gaps) / 1000
        gaps = "1 gap" if len(source.gaps) == 1 else f"{len(source.gaps)} gaps"
        return f"{gaps}, {seconds:.1f} s in all"
    harms: list[ProblemEntry] = [problem for problem in source.problems if problem.harms]
    return _more(harms[0].text, len(harms)) if harms else None


def _more(text: str, count: int) -> str:
    text = text.rstrip(".")
    return text if count == 1 else f"{text}; and {count - 1} more"
