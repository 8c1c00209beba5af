"""A segment that the splice can't read, looked at through PyAV: another container, an odd index.

A camera may name anything ``.mp4``: a Matroska or MPEG transport stream plays all the same. What
PyAV reads of such a file can be remuxed, and that is tried before the file is given up.

This runs in a process of its own, with a bound on time and memory: nobody knows what a broken
file does to a library in C, and it must not cost the other segments. The child prints one line of JSON.
"""

import json
import resource
import subprocess
import sys
from array import array
from dataclasses import asdict, dataclass
from fractions import Fraction
from operator import sub
from typing import TYPE_CHECKING, Any

from ctlr.mp4.descriptions import Description
from ctlr.mp4.headers import ENABLED, TrackHeader
from ctlr.mp4.runs import run_lengths
from ctlr.mp4.sizes import MAX_SAMPLES, Sizes
from ctlr.mp4.tables import LostTrack, SegmentTables, Track

if TYPE_CHECKING:
    from av.container import InputContainer

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi,mpeg,flv,asf"
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
"""Nothing that a file names is opened: a list of other files is no video."""
METADATA_ERRORS = "replace"
TIME_LIMIT_S = 60.0
_BARE = "it is a bare stream of {}: nothing in it tells when its pictures are shown"
_SEEMS = (
    (b"\0\0\0\1", _BARE.format("H.264 or HEVC")),
    (b"\0\0\1", _BARE.format("H.264 or HEVC")),
    (b"\xff\xd8", _BARE.format("JPEG pictures, or one such picture")),
)
_MEMORY_BYTES = 96 << 20
_SHORT_S = Fraction(1, 10)
"""What ends so much before its header says was cut; a header's length is rounded."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """What PyAV finds in a file. ``shown`` are the times of its frames in the order of the file, and
    ``ends`` that of their end, in ticks of ``timescale``; ``lost`` names the streams that no MP4 can
    hold; ``broken`` says why it is not read to its end, ``refused`` why nothing can be joined of it, if
    so."""

    container: str
    codec: str
    width: int
    height: int
    timescale: int
    shown: tuple[int, ...]
    ends: int
    declared_ticks: int
    starts_with_keyframe: bool
    signature: str
    lost: tuple[str, ...]
    broken: str
    refused: str = ""


def examine_stranger(path: str) -> Stranger | None:
    """What a child process finds in the file; None where that is nothing, or it does not end well."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, path],
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=True,
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        return None
    lists = {name: tuple(found[name]) for name in ("shown", "lost")} if found else {}
    return Stranger(**{**found, **lists}) if found else None


def seems(head: bytes) -> str:
    """What a file is that is no video for PyAV either, by its first bytes; nothing where that is not
    known."""
    return next((text for mark, text in _SEEMS if head.startswith(mark)), "")


def tables_of(found: Stranger) -> SegmentTables:
    """Its frames as a segment's tables, without media: what can be placed, and has to be remuxed."""
    mark = found.signature.encode()
    description = Description(b"", mark, found.codec, found.width, found.height, encrypted=False)
    header = TrackHeader(
        kind=b"vide",
        timescale=found.timescale,
        language=b"",
        placement=b"",
        handler=b"",
        media_info=b"",
        descriptions=(description,),
        stsd_version=0,
        flags=ENABLED,
        refers=(),
    )
    # Nobody needs its decode times: each frame is decoded when one is shown, in the order of the file.
    decoded = sorted(found.shown)
    times = run_lengths(array("I", map(sub, [*decoded[1:], found.ends], decoded)))
    shifts = array("i", map(sub, found.shown, decoded))
    reordered = run_lengths(array("I", shifts.tobytes())) if any(shifts) else None
    track = Track(
        track_id=1,
        header=header,
        sizes=Sizes(len(decoded)),
        times=times,
        shifts=reordered,
        shifts_version=1 if reordered else 0,
        sync=None if found.starts_with_keyframe else b"",
        chunk_offsets=array("Q"),
        chunk_counts=array("I"),
        start_ticks=decoded[0],
        declared_ticks=found.declared_ticks if found.broken else 0,
        obstacle=f"its container is {found.container}",
    )
    lost = [
        LostTrack(f"its {name} stream cannot be kept in an MP4", True, 0) for name in found.lost
    ]
    return SegmentTables(1000, [track], [], cut=bool(found.broken), note=found.broken, lost=lost)


def look(path: str) -> Stranger | None:
    """What is in the file, in this process; None where no frame can be remuxed."""
    import av

    try:
        with av.open(path, options=OPTIONS, metadata_errors=METADATA_ERRORS) as segment:
            return _look(segment)
    except (av.FFmpegError, ValueError):
        return None


def _look(segment: "InputContainer") -> Stranger | None:
    kept = [stream for stream in segment.streams if fits(stream)]  # what the remux keeps
    video = next((stream for stream in kept if stream.type == "video"), None)
    if video is None:
        return _refuse(segment)
    frames, end_s, broken = _read_through(segment, kept, video)
    declared_s = Fraction(segment.duration or 0, 1_000_000) + _start_s(segment)
    if not broken and end_s < declared_s - _SHORT_S:
        broken = f"it ends {float(declared_s - end_s):.1f} s before its header says"
    timescale = _timescale(video.time_base or Fraction(1, 90_000))
    shown = [round(frame.at_s * timescale) for frame in frames]
    if not 1 <= len(shown) <= MAX_SAMPLES or len({*shown}) < len(frames):
        return None  # frames without times of their own
    context: Any = video.codec_context
    alike = [segment.format.name, *(_alike(stream) for stream in kept)]
    last = max(round((frame.at_s + frame.length_s) * timescale) for frame in frames)
    return Stranger(
        container=segment.format.name,
        codec=_codec(video),
        width=context.width,
        height=context.height,
        timescale=timescale,
        shown=tuple(shown),
        ends=max(last, max(shown) + 1),
        declared_ticks=max(round((declared_s - frames[0].at_s) * timescale), 0),
        starts_with_keyframe=frames[0].is_key,
        signature="|".join(alike),
        lost=tuple(f"{s.type} ({_codec(s)})" for s in segment.streams if s not in kept),
        broken=broken,
    )


def _refuse(segment: "InputContainer") -> Stranger:
    """A film that plays, and that no MP4 holds as it is."""
    container, pictures = segment.format.name, [_codec(stream) for stream in segment.streams.video]
    why = f"whose picture ({', '.join(pictures)}) no MP4 holds" if pictures else "without a picture"
    return Stranger(
        container=container,
        codec=pictures[0] if pictures else "",
        width=0,
        height=0,
        timescale=1,
        shown=(),
        ends=0,
        declared_ticks=0,
        starts_with_keyframe=False,
        signature="",
        lost=(),
        broken="",
        refused=f"it is a {container} file {why} as it is; it plays from the raw data",
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    at_s: Fraction
    length_s: Fraction
    is_key: bool


def _read_through(
    segment: "InputContainer", kept: list[Any], video: Any
) -> tuple[list[_Frame], Fraction, str]:
    """The frames in the order of the file, when the last of all streams ends, and why it breaks off."""
    frames: list[_Frame] = []
    end_s, broken = Fraction(0), ""
    try:
        for packet in segment.demux(kept):
            base, at = packet.time_base, packet.dts if packet.pts is None else packet.pts
            if at is None:
                continue  # the demuxer's end mark
            if packet.is_corrupt:
                return frames, end_s, "it ends within a frame"
            found = _Frame(at * base, (packet.duration or 0) * base, packet.is_keyframe)
            end_s = max(end_s, found.at_s + found.length_s)
            if packet.stream.index == video.index and len(frames) <= MAX_SAMPLES:
                frames.append(found)
    except Exception as error:  # whatever PyAV says of it, the frames before count
        broken = str(error)
    return frames, end_s, broken


def _start_s(segment: "InputContainer") -> Fraction:
    return Fraction(segment.start_time or 0, 1_000_000)


def fits(stream: Any) -> bool:
    """Whether a stream can be kept: it is a picture or sound, and the muxer of MP4, which is asked with
    nothing to write, takes it."""
    if stream.type not in {"video", "audio"}:
        return False
    import av

    try:
        with av.open("/dev/null", "w", format="mp4") as output:
            output.add_stream_from_template(stream)
            output.start_encoding()
    except Exception:  # a refusal of any kind is one
        return False
    return True


def _timescale(base: Fraction) -> int:
    """Ticks a second that any time of the stream can be told in."""
    return base.denominator if base.numerator == 1 else 90_000


def _codec(stream: Any) -> str:
    return stream.codec_context.name if stream.codec_context else "unknown"


def _alike(stream: Any) -> str:
    context = stream.codec_context
    if stream.type != "video":
        return f"{stream.type} {_codec(stream)} {getattr(context, 'sample_rate', '')}"
    return (
        f"{_codec(stream)} {context.width}x{context.height} {bytes(context.extradata or b'').hex()}"
    )


def main() -> None:
    """Print what is in the file that the command line names."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, hard))
    found = look(sys.argv[1])
    sys.stdout.write(json.dumps(asdict(found) if found else None))


if __name__ == "__main__":
    main()
