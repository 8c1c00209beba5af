"""Real segments, made once a run by ffmpeg."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.postprocess.rig import Rig

SECONDS, SEGMENT_S = 8, 2


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-y", "-v", "error", *arguments], check=True)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uncut sources: ``plain``, ``bframes`` (with AAC), ``vfr``."""
    root = tmp_path_factory.mktemp("films")
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30"]
    sound = ["-f", "lavfi", "-i", "sine=f=440:r=48000"]
    encode = ["-t", str(SECONDS), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"]
    closed = ["-g", "30", "-sc_threshold", "0", "-video_track_timescale", "90000"]
    ffmpeg(*picture, *encode, "-bf", "0", *closed, str(root / "plain.mp4"))
    ffmpeg(*picture, *sound, *encode, "-bf", "2", "-c:a", "aac", *closed, str(root / "bframes.mp4"))
    jitter = "N*3007+mod(N*7919\\,360)-180+180"
    setts = f"setts=pts={jitter}:dts={jitter}"
    ffmpeg(
        "-i",
        str(root / "plain.mp4"),
        "-c",
        "copy",
        "-bsf:v",
        setts,
        *closed[-2:],
        str(root / "vfr.mp4"),
    )
    return root


FRAGMENTED = "movflags=+frag_keyframe+empty_moov+default_base_moof:"
KINDS: dict[str, tuple[str, Sequence[str], str]] = {
    # name: source, segmenter's options, container's options
    "plain": ("plain", ["-reset_timestamps", "1"], ""),
    "plain running on": ("plain", [], ""),
    "fragmented": ("plain", ["-reset_timestamps", "1"], FRAGMENTED),
    "fragmented running on": ("plain", [], FRAGMENTED),
    "b-frames and aac": ("bframes", ["-reset_timestamps", "1"], ""),
    "b-frames and aac running on": ("bframes", [], ""),
    "variable frame rate": ("vfr", ["-reset_timestamps", "1"], ""),
}


@pytest.fixture(scope="session")
def segment_sets(films: Path) -> dict[str, Path]:
    """Folders of segments by kind."""
    folders = {}
    for kind, (source, options, container) in KINDS.items():
        folder = films / kind.replace(" ", "-")
        folder.mkdir()
        form = ["-segment_format_options", f"{container}video_track_timescale=90000"]
        cut = ["-c", "copy", "-map", "0", "-f", "segment", "-segment_time", str(SEGMENT_S)]
        ffmpeg(
            "-i", str(films / f"{source}.mp4"), *cut, *options, *form, str(folder / "seg_%04d.mp4")
        )
        folders[kind] = folder
    folders["aac primed in each segment"] = _primed(films, folders["plain"])
    return folders


def _primed(films: Path, plain: Path) -> Path:
    folder = films / "primed"
    folder.mkdir()
    for path in sorted(plain.iterdir()):
        sound = [
            "-f",
            "lavfi",
            "-i",
            f"sine=f=440:r=48000:d={SEGMENT_S}",
            "-map",
            "0:v",
            "-map",
            "1:a",
        ]
        ffmpeg("-i", str(path), *sound, "-c:v", "copy", "-c:a", "aac", "-t", str(SEGMENT_S),
               "-video_track_timescale", "90000", str(folder / path.name))  # fmt: skip
    return folder


def hide_a_beginning(segment: Path) -> None:
    """Give a segment an edit list that hides a third of a second of film."""
    data = bytearray(segment.read_bytes())
    media_time = data.index(b"elst") + 4 + 4 + 4 + 4
    data[media_time : media_time + 4] = (30_000).to_bytes(4, "big")
    segment.write_bytes(data)


def put_into(container: str, segment: Path) -> None:
    """Write a segment again in another container, under its own name."""
    before = segment.with_suffix(".before")
    segment.rename(before)
    ffmpeg("-f", "mp4", "-i", str(before), "-c", "copy", "-f", container, str(segment))
    before.unlink()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)
