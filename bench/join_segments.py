"""Segment sets for the join's benches: six real ones, repeated under the numbers that are asked.

Repeats are hard links, so an hour of three cameras costs no room on the input side.
"""

import os
import subprocess
from pathlib import Path

DISTINCT = 6


def make_distinct(folder: Path, *, seconds: int, kbps: int, size: str, fragmented: bool) -> None:
    """Encode ``DISTINCT`` segments of ``seconds`` each."""
    folder.mkdir(parents=True)
    flags = "movflags=+frag_keyframe+empty_moov+default_base_moof:" if fragmented else ""
    rate = [
        f"-{key}:v" if key == "b" else f"-{key}" for key in ("b", "minrate", "maxrate", "bufsize")
    ]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi"]
    command += ["-i", f"testsrc2=s={size}:r=30,noise=alls=40:allf=t", "-t", str(DISTINCT * seconds)]
    command += ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"]
    command += [word for key in rate for word in (key, f"{kbps}k")]
    command += ["-g", "30", "-sc_threshold", "0", "-f", "segment", "-segment_time", str(seconds)]
    command += ["-reset_timestamps", "1"]
    command += ["-segment_format_options", f"{flags}video_track_timescale=90000"]
    subprocess.run([*command, str(folder / "seg_%04d.mp4")], check=True)


def repeat(distinct: Path, folder: Path, numbers: range, *, link: bool = True) -> None:
    """Give the distinct segments the names of ``numbers`` in ``folder``, in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(distinct.iterdir())[:DISTINCT]
    for number in numbers:
        source, target = sources[number % DISTINCT], folder / f"seg_{number:04d}.mp4"
        if link:
            os.link(source, target)
        else:
            target.write_bytes(source.read_bytes())
