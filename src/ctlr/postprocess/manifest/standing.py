"""An earlier run's files as they stand in the session's folder now. Pure.

These are the facts by which a file is kept or made again: what the manifest says of it, and what
the disk says of its size. A disk that does not answer says neither that a file is there nor that
it is gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ctlr.postprocess.manifest.shapes import FileEntry, Manifest, VideoSource


@dataclass(frozen=True, slots=True)
class Standing:
    """``manifest`` is the earlier run's, None where there was none. ``sizes`` has the bytes of its
    files by name, None for one that is certainly not there; one that the disk does not tell of is
    left out."""

    manifest: Manifest | None = None
    sizes: Mapping[str, int | None] = field(default_factory=dict)

    def entry(self, name: str) -> FileEntry | None:
        return self.manifest.file(name) if self.manifest else None

    def video(self, node: str) -> VideoSource | None:
        """A camera's video, if any of its files may still be there."""
        source = self.manifest.sources.get(node) if self.manifest else None
        if not isinstance(source, VideoSource) or all(map(self.is_gone, _files(source))):
            return None
        return source

    def is_gone(self, name: str) -> bool:
        """Whether a file is certainly not there."""
        return name in self.sizes and self.sizes[name] is None

    def is_damaged(self, name: str) -> bool:
        """Whether a file is known to differ from what was written."""
        return self.manifest is not None and name in self.manifest.damaged

    def is_sound(self, name: str, size: int | None = None) -> bool:
        """Whether a file is there as it was made, as far as is known: with that ``size`` in bytes,
        or the one that the manifest lists."""
        if size is None:
            entry = self.entry(name)
            size = entry.bytes if entry else None
        return size is not None and self.sizes.get(name) == size and not self.is_damaged(name)

    def holds(self, video: VideoSource) -> bool:
        """Whether a video and its frame times are there as they were made."""
        times = [v.frames_file for v in video.videos if v.frames_file and self.entry(v.frames_file)]
        videos = all(self.is_sound(v.file, v.bytes) for v in video.videos)
        return videos and all(map(self.is_sound, times))


def file_names(manifest: Manifest | None) -> Iterable[str]:
    """Every file that a manifest speaks of."""
    if manifest is None:
        return ()
    videos = (s for s in manifest.sources.values() if isinstance(s, VideoSource))
    return {entry.path for entry in manifest.files}.union(*(v.file_names for v in videos))


def _files(source: VideoSource) -> list[str]:
    return [video.file for video in source.videos]
