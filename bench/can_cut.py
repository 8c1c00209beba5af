"""Ten minutes cut out of a CAN recording of 10 GB, beside ``dd`` copying the same bytes.

The recording is of a bus with 4,000 frames a second; 10 GB are 18 hours of it, and the cut holds 14
minutes with its margins. It is found (by bisection), written, hashed and flushed; ``dd`` is told
where to begin, and flushes. Once with the arrivals that our listener leaves, once without, as an
installed listener leaves it. What lies more than half an hour away is a hole of a sparse file.
Goal: at most 1 s and 50 MB more than before; a process of its own measures itself.

The second table decodes a part of the cut with a database, beside cantools frame by frame.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cantools
from bench.paired import Pair, Sample, compare, run_command, run_here, show
from cantools.database.can import Database

from ctlr.layout.can_files import ARRIVAL_HEADER, RAW_HEADER, Run, encode_run
from ctlr.layout.session import CAN_FILE
from ctlr.postprocess.can.cut import cut_rows
from ctlr.postprocess.can.database import load
from ctlr.postprocess.can.decode import decode_rows
from ctlr.postprocess.can.found import find_rows
from ctlr.postprocess.can.windows import Window
from ctlr.simulator.can import DATABASE

BYTES = 10 << 30
FPS = 4000
BATCH_MS = 10
BEGAN_MS = 1_776_313_714_000
CUT_MS = 600_000
MARGIN_MS = 120_000
WRITTEN_MS = 1_800_000
DECODED_ROWS = 100_000
_FRAMES = [(0x0C9, 8), (0x0E5, 4), (0x1A0, 8), (0x1F5, 6)]


def main() -> None:
    if len(sys.argv) > 1:
        cut_once(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
        return
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as name:
        folder, out = Path(name) / "can", Path(name) / "out"
        folder.mkdir()
        out.mkdir()
        first_ms = write_recording(folder)
        cuts = {"with arrivals": compare_cut(folder, out, first_ms)}
        (folder / "raw.arrival.csv").unlink()
        cuts["without"] = compare_cut(folder, out, first_ms)
        show("10 minutes from 10 GB, beside dd", cuts)
        part = Path(name) / "part.csv"
        with open(out / CAN_FILE, "rb") as file:
            part.write_bytes(b"".join(file.readline() for _ in range(DECODED_ROWS + 1)))
        decoded = compare(lambda: decode_singly(part), lambda: decode_table(part, out), rounds=3)
        show(f"{DECODED_ROWS:,} frames decoded, beside cantools", {"decode and write": decoded})


def write_recording(folder: Path) -> int:
    """Write rows and arrivals; returns where the cut begins, in the middle."""
    batch = _batch(BEGAN_MS)
    batches = BYTES // len(batch)
    middle, near = batches // 2, WRITTEN_MS // BATCH_MS
    with open(folder / "raw.csv", "wb") as raw, open(folder / "raw.arrival.csv", "wb") as arrival:
        raw.write(RAW_HEADER)
        arrival.write(ARRIVAL_HEADER)
        for number in range(batches):
            at_ms = BEGAN_MS + number * BATCH_MS
            offset = len(RAW_HEADER) + number * len(batch)
            own = at_ms, at_ms + BATCH_MS - 1
            size, rows = len(batch), batch.count(b"\n")
            arrival.write(encode_run(Run(at_ms + BATCH_MS, "can0", offset, size, rows, *own)))
            if abs(number - middle) < near or number in {0, batches - 1}:
                raw.seek(offset)
                raw.write(_batch(at_ms))
    return BEGAN_MS + middle * BATCH_MS - CUT_MS // 2


def _batch(at_ms: int) -> bytes:
    rows = FPS * BATCH_MS // 1000
    return b"".join(
        b"%d,%03X,%d,%b\n" % (at_ms + number * BATCH_MS // rows, frame_id, size, b"10" * size)
        for number in range(rows)
        for frame_id, size in [_FRAMES[number % len(_FRAMES)]]
    )


def compare_cut(folder: Path, out: Path, first_ms: int) -> Pair:
    found = find_rows(folder, [Window(first_ms - MARGIN_MS, first_ms + CUT_MS + MARGIN_MS)])
    assert found is not None
    dd = ["dd", f"if={folder / 'raw.csv'}", f"of={out / 'dd'}", "bs=1M", "conv=fsync"]
    dd += [f"skip={found.stretches[0].offset}", f"count={found.bytes}"]
    dd += ["iflag=skip_bytes,count_bytes", "status=none"]
    ours = [sys.executable, "-m", "bench.can_cut", str(folder), str(out), str(first_ms)]
    return compare(lambda: run_command(dd), lambda: _own_sample(ours))


def _own_sample(command: list[str]) -> Sample:
    """What a process says of itself, without its start."""
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Sample(**json.loads(said))


def cut_once(folder: Path, out: Path, first_ms: int) -> None:
    """Find and cut, and print what that took."""
    before_mib = _peak_mib()
    cpu, began = time.process_time(), time.perf_counter()
    found = find_rows(folder, [Window(first_ms - MARGIN_MS, first_ms + CUT_MS + MARGIN_MS)])
    assert found is not None
    cut = cut_rows(folder, found, out)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    assert cut.rows >= FPS * (CUT_MS + 2 * MARGIN_MS) // 1000
    more_mib = _peak_mib() - before_mib
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": more_mib}))


def _peak_mib() -> float:
    """Of this program; what the system counts for the process may be its parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def decode_singly(raw: Path) -> Sample:
    """Decode each frame with cantools and write what it says, without times."""
    database = cantools.database.load_file(DATABASE)
    assert isinstance(database, Database)

    def decode() -> None:
        with open(raw, "rb") as rows, open(os.devnull, "w") as out:
            next(rows)
            for row in rows:
                _, name, _, data = row.strip().split(b",")
                said = database.decode_message(int(name, 16), bytes.fromhex(data.decode()))
                assert isinstance(said, dict)
                out.write(",".join(map(str, said.values())) + "\n")

    return run_here(decode)


def decode_table(raw: Path, out: Path) -> Sample:
    meaning = load([DATABASE])
    return run_here(lambda: decode_rows(raw, None, meaning, [], out, ""))


if __name__ == "__main__":
    main()
