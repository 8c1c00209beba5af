"""What a manifest says is wrong with its session, in a few words for each source. Pure."""

from ctlr.postprocess.manifest.shapes import FailedSource, Manifest, ProblemEntry, VideoSource


def faults_of(manifest: Manifest) -> dict[str, str]:
    """The worst of each source that has any; of the session as a whole under no name."""
    faults = {name: fault for name, s in manifest.sources.items() if (fault := _fault(s))}
    own = [problem for problem in manifest.problems if problem.harms]
    if own:
        faults[""] = _more(own[0].text, len(own))
    return faults


def describe_faults(manifest: Manifest) -> list[str]:
    """The same as texts."""
    return [f"{name}: {text}" if name else text for name, text in faults_of(manifest).items()]


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
