"""What a finished session holds, found out without trusting the programs that made it.

Every frame of each joined video is decoded; the test picture carries its time and number in
the pixels. Frame count and time of the first frame are compared with what the manifest claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ctlr.camera.test_picture import read_video_stamps

CLAIM_TOLERANCE_US = 1_000
"""Furthest that the manifest's time of the first frame may be from the one in the picture."""

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class VideoSeen:
    """What decoding a video showed: all its frames, those without a stamp, those that the
    numbering passes over (the camera was too busy to take them), and the first one's time."""

    frames: int
    unreadable: int
    dropped: int
    first_frame_at_us: int | None


@dataclass(frozen=True)
class Video:
    """One camera's video. ``first_frame_ms`` counts from ``start_at``; None if unreadable."""

    camera: str
    frames: int = 0
    dropped: int = 0
    duration_s: float = 0.0
    first_frame_ms: float | None = None
    gaps: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Findings:
    """``faults`` is what the manifest admits, ``lies`` is where it is wrong; ``step`` is its
    sentence on how well the cameras were in step, ``clocks`` those on other clocks."""

    videos: tuple[Video, ...]
    complete: bool
    faults: tuple[str, ...]
    lies: tuple[str, ...]
    step: str
    clocks: tuple[str, ...] = ()

    @property
    def spread_ms(self) -> float | None:
        """Between the earliest and the latest first frame; None unless all could be read."""
        times = [v.first_frame_ms for v in self.videos if v.first_frame_ms is not None]
        return max(times) - min(times) if times and len(times) == len(self.videos) else None


def judge(
    manifest: Manifest,
    cameras: Sequence[str],
    start_at_ms: int,
    seen: Mapping[str, VideoSeen],
) -> Findings:
    """Compare the manifest with what was seen of each camera's video. Pure."""
    videos: list[Video] = []
    lies: list[str] = []
    for camera in cameras:
        source = manifest["sources"].get(camera, {})
        if "file" in source and camera in seen:
            videos.append(_video(camera, source, seen[camera], start_at_ms))
            lies += [f"{camera}: {lie}" for lie in _lies(source, seen[camera])]
        else:
            videos.append(Video(camera))
    return Findings(
        tuple(videos),
        bool(manifest["complete"]),
        tuple(_faults(manifest)),
        tuple(lies),
        manifest["sync"]["text"],
        tuple(compared["text"] for compared in manifest.get("truth", ())),
    )


def _faults(manifest: Manifest) -> list[str]:
    """Everything that the manifest says is not as it should be."""
    faults = [f"{name} is missing" for name in manifest["missing"]]
    for name, source in manifest["sources"].items():
        faults += [f"{name}: {source['error']}"] if "error" in source else []
        faults += [f"{name}: {gap['reason']}" for gap in source.get("gaps", [])]
        harms = (p for p in source.get("problems", []) if p.get("harms", True))
        faults += [f"{name}: {problem['text']}" for problem in harms]
    return faults


def inspect_video(file: Path) -> VideoSeen:
    """Decode a whole video. Raises ``OSError`` or ``av.FFmpegError`` where that fails."""
    stamps = [stamp for _, stamp in read_video_stamps(file)]
    numbers = [stamp.number for stamp in stamps if stamp]
    return VideoSeen(
        frames=len(stamps),
        unreadable=stamps.count(None),
        dropped=sum(max(0, after - before - 1) for before, after in pairwise(numbers)),
        first_frame_at_us=stamps[0].captured_at_us if stamps and stamps[0] else None,
    )


def video_files(manifest: Manifest, folder: Path, cameras: Sequence[str]) -> dict[str, Path]:
    """Each camera's joined video, as far as the manifest names one."""
    sources = {camera: manifest["sources"].get(camera, {}) for camera in cameras}
    return {name: folder / source["file"] for name, source in sources.items() if "file" in source}


def _video(camera: str, source: Manifest, seen: VideoSeen, start_at_ms: int) -> Video:
    first_us = seen.first_frame_at_us
    return Video(
        camera,
        frames=seen.frames,
        dropped=seen.dropped,
        duration_s=source["duration_s"],
        first_frame_ms=None if first_us is None else first_us / 1000 - start_at_ms,
        gaps=len(source["gaps"]),
        bytes=source["bytes"],
    )


def _lies(source: Manifest, seen: VideoSeen) -> list[str]:
    lies = []
    if seen.frames != source["frames"]:
        lies.append(f"the manifest counts {source['frames']} frames, the video has {seen.frames}")
    if seen.unreadable:
        lies.append(f"{seen.unreadable} of {seen.frames} frames do not show when they were taken")
    claimed, shown = source["first_frame_at_us"], seen.first_frame_at_us
    if shown is not None and (claimed is None or abs(claimed - shown) > CLAIM_TOLERANCE_US):
        lies.append(f"the manifest has the first frame at {claimed} µs, the picture at {shown} µs")
    return lies
