"""A session as one MCAP file, for Foxglove and whatever else reads that.

===========================  ==========================================================
``/{camera}/video``          Foxglove's ``CompressedVideo``, a message a frame
``/phone/Accelerometer``     a table: JSON, a message a row, its columns by their headings
``/phone/Location/fix``      Foxglove's ``LocationFix`` of a table with latitude and longitude
``/can/Vehicle``, ``/can_raw``  decoded and raw frames, as tables
``/marks``, ``/session``     Foxglove's ``Log``: what was marked; gaps and problems
===========================  ==========================================================

Every message stands at its ``t_s``, as Unix time of the controller's clock, in the order of time
as far as a camera's own order allows. The manifest is attached.
"""

import heapq
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ctlr.export.jobs import ExportError, Notes
from ctlr.export.pictures import is_reordered, pictures_of
from ctlr.export.streams import Counter, Values, columns_of, plain, readable_tables, topic_of
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.manifest.progress import Report
from ctlr.reader import Camera, Session

_VIDEO_FORMS = frozenset({"h264", "h265", "vp9", "av1"})
_FIX = ("latitude", "longitude")


class _Message(NamedTuple):
    at_ns: int
    channel: Any
    content: Any


def write_mcap(session: Session, target: Path, report: Report) -> Notes:
    """Write the file. Raises ``ExportError`` where the extra ``mcap`` is not installed."""
    try:
        import foxglove
    except ImportError as error:
        raise ExportError("MCAP needs the extra: pip install 'ctlr[mcap]'") from error
    context, notes, count = foxglove.Context(), Notes(), Counter(session, report)
    with foxglove.open_mcap(target, context=context) as writer:
        writer.write_metadata("session", _about(session))
        data = (session.folder / MANIFEST_NAME).read_bytes()
        begins_ns = _unix_ns(session, 0.0)
        writer.attach(
            log_time=begins_ns,
            create_time=begins_ns,
            name=MANIFEST_NAME,
            media_type="application/json",
            data=data,
        )
        streams = _Streams(session, context, notes, count).all()
        for message in heapq.merge(*streams, key=lambda message: message.at_ns):
            message.channel.log(message.content, log_time=message.at_ns)
    return notes


def _about(session: Session) -> dict[str, str]:
    manifest = session.manifest
    about = {"uuid": manifest.uuid, "folder": manifest.folder, "label": manifest.label or ""}
    return about | {"summary": session.summary, "started_at_ms": str(manifest.started_at or "")}


def _unix_ns(session: Session, t_s: float) -> int:
    return (session.manifest.started_at or 0) * 10**6 + round(t_s * 1e9)


class _Streams:
    """The messages of each source, in the order in which they are to stand."""

    def __init__(self, session: Session, context: Any, notes: Notes, count: Counter) -> None:
        self._session = session
        self._context = context
        self._notes = notes
        self._count = count

    def all(self) -> list[Iterator[_Message]]:
        streams = [self._video(camera) for camera in self._session.cameras.values()]
        for path, table in readable_tables(self._session, self._notes):
            columns = columns_of(table)
            rows = np.argsort(table.t_s, kind="stable")
            rows = rows[np.isfinite(table.t_s[rows])]
            streams.append(self._rows(path, table.t_s, columns, rows))
            names = {name.casefold(): name for name in columns}
            if names.keys() >= set(_FIX):
                streams.append(self._fixes(path, table.t_s, columns, names, rows))
        return [*streams, self._marks(), self._log()]

    def _at(self, t_s: float) -> int:
        return _unix_ns(self._session, t_s)

    def _video(self, camera: Camera) -> Iterator[_Message]:
        from foxglove import channels, messages

        channel = channels.CompressedVideoChannel(f"/{camera.name}/video", context=self._context)
        if is_reordered(camera):
            self._notes.append(
                f"{camera.name} stores frames in another order than they are shown; Foxglove does "
                "not show such a video."
            )
        times_s, without = camera.frames.t_s, 0
        for picture in pictures_of(camera):
            self._count.add(camera.name, len(picture.data))
            t_s = float(times_s[picture.number])
            if np.isnan(t_s) or picture.form not in _VIDEO_FORMS:
                without += 1
                continue
            at_ns = self._at(t_s)
            yield _Message(
                at_ns,
                channel,
                messages.CompressedVideo(
                    timestamp=_timestamp(at_ns),
                    frame_id=camera.name,
                    data=picture.data,
                    format=picture.form,
                ),
            )
        if without:
            why = "no time that is known, or a codec that MCAP has no message for"
            self._notes.append(f"{without} frames of {camera.name} were left out: {why}.")

    def _rows(self, path: str, times_s: Any, columns: Any, rows: Any) -> Iterator[_Message]:
        from foxglove import Channel

        properties = {name: {"type": _json_type(values)} for name, values in columns.items()}
        schema = {"title": topic_of(path)[1:], "type": "object", "properties": properties}
        channel = Channel(topic_of(path), schema=schema, context=self._context)
        for row in rows:
            values = {name: plain(values[row]) for name, values in columns.items()}
            yield _Message(self._at(float(times_s[row])), channel, json.dumps(values).encode())
        self._count.add_file(path)

    def _fixes(
        self, path: str, times_s: Any, columns: Any, names: dict[str, str], rows: Any
    ) -> Iterator[_Message]:
        from foxglove import channels, messages

        channel = channels.LocationFixChannel(f"{topic_of(path)}/fix", context=self._context)
        north, east = (columns[names[name]] for name in _FIX)
        up = columns[names["altitude"]] if "altitude" in names else np.zeros(len(north))
        for row in rows:
            values = [values[row] for values in (north, east, up)]
            if all(isinstance(value, float) and np.isfinite(value) for value in values):
                at_ns = self._at(float(times_s[row]))
                fix = messages.LocationFix(
                    timestamp=_timestamp(at_ns),
                    frame_id="gps",
                    latitude=float(values[0]),
                    longitude=float(values[1]),
                    altitude=float(values[2]),
                )
                yield _Message(at_ns, channel, fix)

    def _marks(self) -> Iterator[_Message]:
        lines = [(mark.t_s, mark.label or "mark") for mark in self._session.marks]
        return self._lines("/marks", sorted(lines), "Info")

    def _log(self) -> Iterator[_Message]:
        manifest = self._session.manifest
        lines = [(0.0, problem.text) for problem in manifest.problems]
        lines += [
            (gap.t_s or 0.0, f"{gap.source}: {gap.reason}, {gap.length_s:.1f} s")
            for gap in self._session.gaps
        ]
        return self._lines("/session", sorted(lines), "Warning")

    def _lines(self, topic: str, lines: list[tuple[float, str]], level: str) -> Iterator[_Message]:
        from foxglove import channels, messages

        channel = channels.LogChannel(topic, context=self._context)
        for t_s, text in lines:
            at_ns = self._at(t_s)
            known = getattr(messages.LogLevel, level)
            log = messages.Log(timestamp=_timestamp(at_ns), level=known, message=text, name=topic)
            yield _Message(at_ns, channel, log)


def _json_type(values: Values) -> str:
    return "string" if isinstance(values, list) else "number"


def _timestamp(at_ns: int) -> Any:
    from foxglove.messages import Timestamp

    return Timestamp(sec=at_ns // 10**9, nsec=at_ns % 10**9)
