"""What ffprobe and ffmpeg, who know nothing of us, find in a file."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Packet:
    shown_s: float
    decoded_s: float
    md5: str
    key: bool


def packets(path: Path) -> dict[str, list[Packet]]:
    """Packets by kind of stream, in the order of the file."""
    entries = "packet=codec_type,pts_time,dts_time,data_hash,flags"
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_data_hash", "md5"]
    command += ["-show_entries", entries, "-of", "json", str(path)]
    done = subprocess.run(command, check=True, capture_output=True)
    assert not done.stderr, done.stderr
    found: dict[str, list[Packet]] = {}
    for packet in json.loads(done.stdout)["packets"]:
        found.setdefault(packet["codec_type"], []).append(
            Packet(
                float(packet["pts_time"]),
                float(packet["dts_time"]),
                packet["data_hash"],
                packet["flags"][0] == "K",
            )
        )
    return found


def decode_errors(path: Path) -> str:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def picture_hashes(path: Path) -> list[str]:
    """Hashes of the decoded pictures."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:v", "-vsync", "0"]
    done = subprocess.run(
        [*command, "-f", "framehash", "-"], check=True, capture_output=True, text=True
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return [line.split(",")[-1].strip() for line in lines]
