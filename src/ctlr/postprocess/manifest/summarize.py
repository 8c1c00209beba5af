"""The first key of a manifest: the session in words, so that who opens it need not read further. Pure."""

from ctlr.kernel.clock import iso_from_ms
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.faults import describe_faults
from ctlr.postprocess.manifest.shapes import (
    FailedSource,
    FilesSource,
    Manifest,
    Source,
    Summary,
    VideoSource,
)


def summarize(manifest: Manifest) -> Summary:
    """Follows from the rest of the manifest alone."""
    return Summary(
        recorded=_recorded(manifest),
        whole=_whole(manifest),
        step=manifest.sync.text,
        proof=_proof(manifest),
        sources={name: _source(source) for name, source in manifest.sources.items()},
    )


def iso_or_none(ms: int | None) -> str | None:
    """ISO 8601; None for what no calendar knows, which a clock may have said."""
    try:
        return None if ms is None else iso_from_ms(ms)
    except (ValueError, OverflowError, OSError):
        return None


def say_instant(ms: int) -> str:
    """``2026-04-14 10:40:12 UTC``."""
    iso = iso_or_none(ms)
    return f"{iso[:19].replace('T', ' ')} UTC" if iso else "at a time that no calendar knows"


def say_length(seconds: float) -> str:
    """``1 h 2 min 3 s``: a length that a person reads."""
    whole = round(seconds)
    hours, minutes, left = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min {left} s"
    return f"{minutes} min {left} s" if minutes else f"{seconds:.1f} s"


def _recorded(manifest: Manifest) -> str:
    what = f"“{manifest.label}”" if manifest.label else f"Session {manifest.uuid[:6]}"
    if manifest.started_at is None:
        return f"{what}; when it was recorded is not known."
    at = say_instant(manifest.started_at)
    if manifest.stopped_at is None:
        return f"{what}, begun {at}."
    length = say_length((manifest.stopped_at - manifest.started_at) / 1000)
    return f"{what}, recorded {at}, {length} long."


def _whole(manifest: Manifest) -> str:
    if manifest.complete:
        return "Everything that was to be recorded is here."
    faults = describe_faults(manifest)
    return f"Something is missing: {'; '.join(faults)}." if faults else "Something is missing."


def _proof(manifest: Manifest) -> str:
    if manifest.damaged:
        count = len(manifest.damaged)
        return f"Read back from the drive, and {count} files are not as they were written."
    if manifest.verified_at is None:
        return "Not yet read back from the drive."
    at = say_instant(manifest.verified_at)
    return f"Read back from the drive on {at}: every file is as it was written."


def _source(source: Source) -> str:
    if isinstance(source, FailedSource):
        return f"nothing: {source.error}"
    if isinstance(source, VideoSource):
        return _video(source)
    if isinstance(source, CanSource):
        messages = len(source.signals.messages) if source.signals else 0
        decoded = f", {messages} messages decoded" if messages else ""
        return f"{source.frames} frames{decoded}"
    assert isinstance(source, FilesSource)
    return f"{len(source.files)} files, {len(source.tables)} tables"


def _video(source: VideoSource) -> str:
    frames = sum(video.frames for video in source.videos)
    length = say_length(sum(video.duration_s for video in source.videos))
    told = [f"{frames} frames in {length}, {source.width} x {source.height}"]
    dropped = sum(video.dropped or 0 for video in source.videos)
    if dropped:
        told.append(f"{dropped} dropped")
    gaps = len(source.gaps)
    told.append(f"{gaps} gap{'s' if gaps != 1 else ''}" if gaps else "no gap")
    return ", ".join(told)
