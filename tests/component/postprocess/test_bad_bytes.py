"""Bytes that are not what a camera wrote, behind an index that is whole: real films, as a bad card,
a flipped bit or a power cut leaves them."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.component.postprocess.conftest import ffmpeg
from tests.component.postprocess.packets import decode_errors
from tests.component.postprocess.test_strangers import (
    FRAMES,
    Join,
    cut,
    film,
    join,
)

__all__ = ["join"]
FRAGMENTED = "movflags=frag_keyframe+empty_moov+default_base_moof"
CODECS = {
    "h264": ("-b:v", "3M", "-minrate", "3M", "-bufsize", "300k"),
    "hevc": ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=30:bframes=0", "-b:v", "3M"),
    "mjpeg": ("-c:v", "mjpeg", "-q:v", "8"),
}


@pytest.fixture(scope="module", params=list(CODECS))
def films(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(f"film-{request.param}")
    return film(root / "film.mp4", *CODECS[request.param])


def change_second(change: Callable[[bytearray], object]) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        if path.name == "seg_0001.mp4":
            data = bytearray(path.read_bytes())
            change(data)
            path.write_bytes(data)

    return run


def overwrite(begin: float, size: int, content: bytes) -> Callable[[Path], object]:
    """From that part of the file on; whole sectors of it."""

    def change(data: bytearray) -> None:
        at = int(len(data) * begin) // 512 * 512
        data[at : at + size] = content[:size]

    return change_second(change)


@pytest.mark.parametrize("form", ["faststart", FRAGMENTED])
def test_noise_within_the_media_is_said(join: Join, films: Path, tmp_path: Path, form: str) -> None:
    """Of 96 KiB, as a card has that lost some of its blocks; the index is not in it."""
    folder = cut(films, tmp_path / "cut", form if "=" in form else f"movflags={form}")
    noise = random.Random(5).randbytes(96 << 10)
    joined = join(folder, overwrite(0.55, len(noise), noise))
    assert (joined.outcome.exit_code, joined.complete) == (3, False)
    assert set(joined.problems) & {"blank_frames", "segment_cut"}
    assert joined.source["frames"] + _lost(joined.source) == pytest.approx(FRAMES, abs=1)
    assert decode_errors(joined.path) != "", "what was said is so"


def _lost(source: dict[str, object]) -> int:
    gaps = source["gaps"]
    assert isinstance(gaps, list)
    return sum(round(gap["expected_ms"] * 30 / 1000) for gap in gaps)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_one_sector_of_zeros_within_a_frame_is_said(join: Join, tmp_path: Path, codec: str) -> None:
    folder = cut(
        film(tmp_path / "f.mp4", *CODECS[codec], sound=False), tmp_path / "cut", FRAGMENTED
    )
    data = (folder / "seg_0001.mp4").read_bytes()
    media = data.index(b"mdat")
    at = (media // 512 + 3) * 512 / len(data)  # within the first frame, the largest one
    joined = join(folder, overwrite(at, 512, bytes(512)))
    assert (joined.outcome.exit_code, joined.source["frames"]) == (3, FRAMES)
    assert "1 frames (from number 1 on) are none" in joined.source["problems"][0]["text"]


def test_films_that_are_well_are_not_doubted(join: Join, films: Path, tmp_path: Path) -> None:
    joined = join(cut(films, tmp_path / "cut", FRAGMENTED), None)
    assert (joined.outcome.exit_code, joined.problems) == (0, [])
    assert joined.source["frames"] == FRAMES


def test_a_flipped_bit_in_a_fragments_index_is_said(
    join: Join, films: Path, tmp_path: Path
) -> None:
    def flip(data: bytearray) -> None:
        run = data.index(b"trun", data.index(b"trun") + 4)
        flags, count = struct.unpack_from(">II", data, run + 4)
        assert flags & 0x200
        step = 4 * (flags >> 8 & 0xF).bit_count()
        rows = run + 12 + 4 * (flags & 1) + 4 * (flags >> 2 & 1)
        place = rows + (count - 1) * step + 4 * (flags >> 8 & 1)
        (size,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", data, place, size ^ 64)

    joined = join(cut(films, tmp_path / "cut", FRAGMENTED), change_second(flip))
    assert (joined.outcome.exit_code, joined.complete) == (3, False)
    assert "index_doubtful" in joined.problems


@pytest.mark.parametrize("sound", [("-c:a", "aac"), ("-c:a", "libmp3lame"), ("-c:a", "ac3")])
def test_noise_where_sound_is_is_said(join: Join, tmp_path: Path, sound: tuple[str, ...]) -> None:
    """In a file without anything but sound and one still picture."""
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=64x64:r=30:d=12", "-f", "lavfi", "-i",
           "anoisesrc=d=12:r=48000:a=0.3", "-c:v", "libx264", "-g", "30", "-b:a", "256k", *sound,
           str(tmp_path / "f.mp4"))  # fmt: skip
    folder = cut(tmp_path / "f.mp4", tmp_path / "cut")
    assert join(folder, None).problems == []
    noise = random.Random(6).randbytes(48 << 10)
    joined = join(folder, overwrite(0.4, len(noise), noise))
    assert joined.outcome.exit_code == 3
    assert any("samples of its" in p["text"] for p in joined.source["problems"])


def test_media_that_are_nothing_but_noise_are_not_remuxed_either(
    join: Join, films: Path, tmp_path: Path
) -> None:
    def spoil(data: bytearray) -> None:
        begin = data.index(b"mdat") + 4
        size = struct.unpack_from(">I", data, begin - 8)[0] - 8
        data[begin : begin + size] = random.Random(7).randbytes(size)

    joined = join(cut(films, tmp_path / "cut", "movflags=faststart"), change_second(spoil))
    assert (joined.outcome.exit_code, joined.source["frames"]) == (3, FRAMES - 120)
    assert joined.source["method"] == "splice"
    assert "segment_damaged" in joined.problems
