"""A multipart body read piece by piece: which file or field each piece belongs to.

Its parts (``ctlr.ingest.multipart``) become three calls on a ``Sink`` (``begin_file``, ``write``,
``end_file``) and the value of the one field we know, ``uuid``.
Other fields are skipped, and so is what a share sheet adds by itself and a file input that nobody
filled; those are listed. Nothing is kept but the headers of the current part.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Protocol

from ctlr.ingest.multipart import MultipartError, MultipartReader
from ctlr.ingest.phone_names import is_litter, parse_upload_name
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import parse_session_id
from ctlr.kernel.texts import show_controls

MAX_PARTS = 512
_MAX_UUID_BYTES = 256
_SHOWN_LETTERS = 200
_FILE_FIELDS = frozenset({"files", "file", "files[]"})
_PLAIN_ENCODINGS = {"", "7bit", "8bit", "binary"}


class Sink(Protocol):
    """Where the bytes of files go."""

    def begin_file(self, name: str, sent_as: str) -> None: ...
    def write(self, data: bytes) -> None: ...
    def end_file(self) -> None: ...


@dataclass(frozen=True)
class Ignored:
    """A part that was left out: its file's name, or the field's, and why."""

    name: str
    reason: str


class PartReader:
    """Feeds files to a sink and remembers the session id.

    Every method raises ``Refusal``: ``invalid_upload``, ``invalid_filename``, ``invalid_uuid``,
    ``upload_too_large`` (too many parts), or what the sink raises.
    """

    def __init__(self, content_type: str, sink: Sink) -> None:
        self.uuid: str | None = None
        self.ignored: list[Ignored] = []
        self._sink = sink
        self._parts = 0
        self._kind = ""  # of the current part: file, uuid, nameless, text or other
        self._uuid = bytearray()
        try:
            self._parser = MultipartReader(
                _boundary(content_type), self._part_begins, self._part_data, self._part_ends
            )
        except MultipartError as error:
            raise _malformed(str(error)) from error

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
        except MultipartError as error:
            raise _malformed(str(error)) from error

    def finish(self) -> str:
        """The session id, once the whole body was there."""
        if not self._parser.ended:
            raise _malformed("the body ends in the middle of a part")
        if self.uuid is None:
            raise Refusal(
                "invalid_uuid",
                "The upload names no session, so nothing of it was stored. "
                "Send the session's id in the form field uuid.",
            )
        return self.uuid

    def _part_begins(self, headers: dict[str, str]) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refusal(
                "upload_too_large",
                f"The upload has more than {MAX_PARTS} parts; nothing of it was stored. "
                "Send the files in several uploads.",
            )
        if headers.get("content-transfer-encoding", "").lower() not in _PLAIN_ENCODINGS:
            raise _malformed("a part is encoded; parts must be plain bytes")
        name, filename = _disposition(headers.get("content-disposition", ""))
        if name is not None and name.lower() == "uuid":
            self._kind = "uuid"
            self._uuid.clear()
        elif filename is None:
            self._kind = "text" if name in _FILE_FIELDS else "other"
        elif is_litter(filename):
            self._kind = "other"
            self._ignore(filename.decode("utf-8", "replace"), "a system's own file, no data")
        elif not filename:
            self._kind = "nameless"
        else:
            self._kind = "file"
            sent_as = filename.decode("utf-8", "replace")
            self._sink.begin_file(parse_upload_name(filename), sent_as)

    def _part_data(self, data: bytes) -> None:
        if self._kind == "file":
            self._sink.write(data)
        elif self._kind == "uuid":
            self._uuid += data[: _MAX_UUID_BYTES - len(self._uuid)]
        elif self._kind == "nameless":
            parse_upload_name(b"")  # there is a file, and nothing to call it
        elif self._kind == "text":
            self._kind = "other"
            self._ignore("files", "a field without a file name")

    def _part_ends(self) -> None:
        if self._kind == "file":
            self._sink.end_file()
        elif self._kind == "nameless":
            self._ignore("", "a file input that nobody filled")
        elif self._kind == "uuid":
            self._set_uuid(parse_session_id(self._uuid.decode("utf-8", "replace").strip()))

    def _ignore(self, name: str, reason: str) -> None:
        self.ignored.append(Ignored(show_controls(name[:_SHOWN_LETTERS]), reason))

    def _set_uuid(self, uuid: str) -> None:
        if self.uuid not in (None, uuid):
            raise Refusal(
                "invalid_uuid",
                "The upload names two sessions, so nothing of it was stored. Send one uuid.",
            )
        self.uuid = uuid


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    with _sensible_header():
        boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise _malformed("it is not multipart/form-data with a boundary")
    return boundary.encode("latin-1", "replace")


def _disposition(value: str) -> tuple[str | None, bytes | None]:
    """Field name and file name (as sent, in bytes) of a part.

    RFC 7578 rules ``filename*=utf-8''...`` out of forms; clients send it all the same, and
    where they do it is the better spelling of the two.
    """
    header = Message()
    header["Content-Disposition"] = value
    plain: dict[str, bytes] = {}
    extended: dict[str, bytes] = {}
    with _sensible_header():
        params = header.get_params([], header="content-disposition")
    for key, text in params:
        if isinstance(text, tuple):
            extended.setdefault(key.lower(), text[2].encode("latin-1"))
        else:
            plain.setdefault(key.lower(), text.encode("latin-1"))
    name = plain.get("name")
    filename = extended.get("filename", plain.get("filename"))
    return (name.decode("utf-8", "replace") if name is not None else None), filename


@contextmanager
def _sensible_header() -> Iterator[None]:
    """A header may have a parameter in numbered pieces (RFC 2231), and these may not fit together."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise _malformed("a header makes no sense") from error


def _malformed(fault: str) -> Refusal:
    return Refusal(
        "invalid_upload",
        f"The upload cannot be read: {fault}. Nothing of it was stored; send it again.",
    )
