"""What a manifest says of a session as a whole, for the record. Pure."""

from ctlr.postprocess.manifest.faults import faults_of
from ctlr.postprocess.manifest.shapes import Manifest, VideoSource
from ctlr.sessions.copies import SessionCopy


def copy_of(manifest: Manifest) -> SessionCopy:
    """The copy that a manifest describes; each source's worst is told in a few words."""
    videos = {n: s for n, s in manifest.sources.items() if isinstance(s, VideoSource)}
    return SessionCopy(
        revision=manifest.revision,
        complete=manifest.complete,
        verified_at_ms=manifest.verified_at,
        damaged=len(manifest.damaged),
        missing=manifest.missing,
        faults=faults_of(manifest),
        segments={name: video.segments for name, video in videos.items()},
    )
