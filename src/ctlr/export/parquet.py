"""A session as Parquet: a file a table, for whatever reads columns.

::

    frames.parquet          a row a frame of every camera: when it was taken, and where its picture is
    phone/*.parquet ...     the tables: t_s, uncertainty_s, then the columns under their headings
    marks.parquet  gaps.parquet  clocks.parquet

Each file says in its metadata of which session it is and when that began. Videos stay where they
are: a frame has its file and its number in it.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ctlr.export.jobs import ExportError, Notes
from ctlr.export.streams import Counter, columns_of, readable_tables
from ctlr.postprocess.manifest.progress import Report
from ctlr.reader import Session


def write_parquet(session: Session, target: Path, report: Report) -> Notes:
    """Write the folder. Raises ``ExportError`` where the extra ``data`` is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ExportError("Parquet needs the extra: pip install 'ctlr[data]'") from error
    notes, count = Notes(), Counter(session, report)
    about = {
        "uuid": session.manifest.uuid,
        "started_at_ms": str(session.manifest.started_at or ""),
        "t_s": "seconds since the session's start, on the controller's clock",
    }
    for path, columns in _tables(session, notes, count):
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table(dict(columns)).replace_schema_metadata(about)
        pq.write_table(table, file, compression="zstd")
        with open(file, "rb") as written:
            os.fsync(written.fileno())
    return notes


def _tables(
    session: Session, notes: Notes, count: Counter
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "frames.parquet", _frames(session)
    for camera in session.cameras.values():
        for video in camera.told.videos:
            count.add_file(video.file)
    for path, table in readable_tables(session, notes):
        columns = columns_of(table)
        known = {"t_s": table.t_s, "uncertainty_s": table.uncertainty_s}
        taken = {
            f"{name} (as written)" if name in known else name: v for name, v in columns.items()
        }
        yield str(PurePosixPath(path).with_suffix(".parquet")), known | taken
        count.add_file(path)
    yield "marks.parquet", _rows(("t_s", "label"), [(m.t_s, m.label) for m in session.marks])
    columns_of_gaps = ("source", "t_s", "length_s", "reason")
    gaps = [(g.source, g.t_s, g.length_s, g.reason) for g in session.gaps]
    yield "gaps.parquet", _rows(columns_of_gaps, gaps)
    names = ("source", "at_ms", "offset_ms", "uncertainty_ms", "method")
    samples = [
        (source, one.at_ms, one.offset_ms, one.uncertainty_ms, one.method)
        for source, clock in session.clocks.items()
        for one in clock.samples
    ]
    yield "clocks.parquet", _rows(names, samples)


def _frames(session: Session) -> Mapping[str, Any]:
    cameras = list(session.cameras.values())
    found: dict[str, list[Any]] = {name: [] for name in _FRAME_COLUMNS}
    for camera in cameras:
        frames, count = camera.frames, len(camera.frames)
        found["camera"].append(np.full(count, camera.name))
        found["number"].append(np.arange(count))
        for part, file in enumerate(camera.files):
            chosen = frames.of_file(part)
            found["file"].append(np.full(len(chosen), file.name))
            found["index"].append(np.arange(len(chosen)))
        found["pts_s"].append(frames.pts_s)
        found["slot"].append(_or_null(frames.slot))
        found["captured_at_us"].append(_or_null(frames.captured_at_us))
        found["t_s"].append(frames.t_s)
        found["uncertainty_s"].append(frames.uncertainty_s)
    return {name: _joined(parts) for name, parts in found.items()}


_FRAME_COLUMNS = (
    *("camera", "number", "file", "index", "pts_s", "slot", "captured_at_us", "t_s"),
    "uncertainty_s",
)


def _or_null(values: Any) -> Any:
    """Whole numbers; none where one is not known."""
    return np.ma.masked_invalid(values)


def _joined(parts: list[Any]) -> Any:
    import pyarrow as pa

    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        filled = np.concatenate([part.filled(0) for part in parts]).astype(np.int64)
        return pa.array(filled, mask=np.concatenate([np.ma.getmaskarray(part) for part in parts]))
    return np.concatenate(parts) if parts else []


def _rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Mapping[str, Any]:
    return {name: [row[number] for row in rows] for number, name in enumerate(names)}
