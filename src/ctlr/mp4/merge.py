"""Joining the tables of many segments into one ``moov``. Pure.

The tracks of a segment are found again by what they are, not by their order or number: one that a
segment lacks leaves a hole in that track alone, one that comes later begins later, and ticks of
another timescale are converted. The timeline follows the reference track; the others stand to it as
they do in their segment.
"""

from bisect import bisect_right

from ctlr.mp4.boxes import Damaged
from ctlr.mp4.headers import TrackHeader
from ctlr.mp4.index import make_moov
from ctlr.mp4.kept import Kept
from ctlr.mp4.labels import NO_LABELS, Labels
from ctlr.mp4.merged_track import MergedTrack, Pieces
from ctlr.mp4.runs import MAX_DELTA
from ctlr.mp4.tables import SegmentTables, Track, first_shown_ticks

__all__ = ["MAX_DELTA", "MergedMovie", "Pieces"]


class MergedMovie:
    """The tables of one output file, segment by segment in the order of the timeline."""

    def __init__(self) -> None:
        self.tracks: list[MergedTrack] = []
        self.timescale = 0
        self._reference: MergedTrack | None = None

    def append(self, tables: SegmentTables, at_ticks: int, copied_to: int) -> None:
        """Add a segment whose first frame is shown at ``at_ticks`` (in its reference's timescale).

        ``copied_to`` is where in the output its media ranges begin, one after another. Raises
        ``Damaged`` where the segment's reference is not that of the segments before.
        """
        reference = tables.reference
        if not self.tracks:
            self.timescale = reference.header.timescale
        elif self._reference and not self._reference.can_take(reference):
            raise Damaged("its picture differs from that of the segments before")
        used: set[int] = set()
        first = reference.start_ticks + first_shown_ticks(reference)
        for track in tables.tracks:
            if track.count:
                merged = self._track_for(track, used, is_reference=track is reference)
                self._append(merged, track, reference.header, at_ticks - first, tables, copied_to)

    def _append(
        self,
        merged: MergedTrack,
        track: Track,
        reference: TrackHeader,
        move: int,
        tables: SegmentTables,
        copied_to: int,
    ) -> None:
        """Add a track of a segment whose times are to be moved by ``move`` ticks of its reference."""
        scale, own = merged.header.timescale, track.header.timescale
        start = track.start_ticks * reference.timescale + move * own
        target = _nearest(start * scale, own * reference.timescale)
        hidden = tables.reference.hidden_ticks * own // reference.timescale
        primed = 0 if track is tables.reference else -(track.start_ticks + hidden) * scale // own
        merged.append(track, target, primed, _moved(track, tables, copied_to))

    def _track_for(self, track: Track, used: set[int], *, is_reference: bool) -> MergedTrack:
        """The track of the result that a segment's track continues, else a new one."""
        if is_reference:
            self._reference = merged = self._reference or self._new_track(track)
        else:
            others = [t for t in self.tracks if t is not self._reference]
            free = [t for t in others if t.track_id not in used and t.can_take(track)]
            free.sort(key=lambda t: t.header.timescale != track.header.timescale)
            merged = free[0] if free else self._new_track(track)
        used.add(merged.track_id)
        return merged

    def _new_track(self, track: Track) -> MergedTrack:
        self.tracks.append(MergedTrack(track.header, len(self.tracks) + 1, track.track_id))
        return self.tracks[-1]

    @property
    def picture_ticks(self) -> int:
        """Length of the reference track in ticks of ``timescale``: what the timeline follows."""
        return self._reference.shown_ticks if self._reference else 0

    def moov(self, labels: Labels = NO_LABELS, kept: Kept | None = None) -> Pieces:
        """The ``moov`` box as pieces to be written one after another; ``kept`` is what the first
        segment says of its camera."""
        return make_moov(self.tracks, self.timescale, labels, kept or Kept())


def _moved(track: Track, tables: SegmentTables, copied_to: int) -> list[int]:
    """Where the chunks of a track lie in the result."""
    starts = [start for start, _ in tables.media]
    shifts, at = [], copied_to
    for start, length in tables.media:
        shifts.append(at - start)
        at += length
    if len(starts) == 1:
        return [offset + shifts[0] for offset in track.chunk_offsets]
    return [offset + shifts[bisect_right(starts, offset) - 1] for offset in track.chunk_offsets]


def _nearest(number: int, divisor: int) -> int:
    return (2 * number + divisor) // (2 * divisor)
