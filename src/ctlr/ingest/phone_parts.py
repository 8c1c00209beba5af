"""A multipart body read piece by piece: which file or field each piece belongs to.

The parsing is python-multipart's; here its callbacks become three calls on a ``Sink``
(``begin_file``, ``write``, ``end_file``) and the value of the one field we know, ``uuid``.
Other fields are skipped. Nothing is kept but the headers of the current part.
"""

from email.message import Message
from typing import Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from ctlr.ingest.phone_names import parse_upload_name
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import parse_session_id

MAX_PARTS = 512
_MAX_UUID_BYTES = 256
_PLAIN_ENCODINGS = {"", "7bit", "8bit", "binary"}


class Sink(Protocol):
    """Where the bytes of files go."""

    def begin_file(self, name: str) -> None: ...
    def write(self, data: bytes) -> None: ...
    def end_file(self) -> None: ...


class PartReader:
    """Feeds files to a sink and remembers the session id.

    Every method raises ``Refusal``: ``invalid_upload``, ``invalid_filename``, ``invalid_uuid``,
    ``upload_too_large`` (too many parts), or what the sink raises.
    """

    def __init__(self, content_type: str, sink: Sink) -> None:
        self.uuid: str | None = None
        self._sink = sink
        self._parts = 0
        self._ended = False
        self._kind = ""  # of the current part: file, uuid or other
        self._headers: dict[str, str] = {}
        self._field, self._value, self._uuid = bytearray(), bytearray(), bytearray()
        try:
            self._parser = MultipartParser(
                _boundary(content_type),
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ends,
                    "on_end": self._body_ends,
                },
            )
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def finish(self) -> str:
        """The session id, once the whole body was there."""
        if not self._ended:
            raise _malformed("the body ends in the middle of a part")
        if self.uuid is None:
            raise Refusal(
                "invalid_uuid",
                "The upload names no session, so nothing of it was stored. "
                "Send the session's id in the form field uuid.",
            )
        return self.uuid

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refusal(
                "upload_too_large",
                f"The upload has more than {MAX_PARTS} parts; nothing of it was stored. "
                "Send the files in several uploads.",
            )
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        # One letter per byte, so that the bytes of a name come back as they were sent.
        name = self._field.decode("latin-1").lower()
        self._headers[name] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        if self._headers.get("content-transfer-encoding", "").lower() not in _PLAIN_ENCODINGS:
            raise _malformed("a part is encoded; parts must be plain bytes")
        name, filename = _disposition(self._headers.get("content-disposition", ""))
        if name == "uuid":
            self._kind = "uuid"
            self._uuid.clear()
        elif filename is not None:
            self._kind = "file"
            self._sink.begin_file(parse_upload_name(filename))
        else:
            self._kind = "other"

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._kind == "file":
            self._sink.write(data[start:end])
        elif self._kind == "uuid":
            self._uuid += data[start:end][: _MAX_UUID_BYTES - len(self._uuid)]

    def _part_ends(self) -> None:
        if self._kind == "file":
            self._sink.end_file()
        elif self._kind == "uuid":
            self._set_uuid(parse_session_id(self._uuid.decode("utf-8", "replace").strip()))

    def _set_uuid(self, uuid: str) -> None:
        if self.uuid not in (None, uuid):
            raise Refusal(
                "invalid_uuid",
                "The upload names two sessions, so nothing of it was stored. Send one uuid.",
            )
        self.uuid = uuid

    def _body_ends(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
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
    for key, text in header.get_params([], header="content-disposition"):
        if isinstance(text, tuple):
            extended.setdefault(key.lower(), text[2].encode("latin-1"))
        else:
            plain.setdefault(key.lower(), text.encode("latin-1"))
    name = plain.get("name")
    filename = extended.get("filename", plain.get("filename"))
    return (name.decode("utf-8", "replace") if name is not None else None), filename


def _malformed(fault: str) -> Refusal:
    return Refusal(
        "invalid_upload",
        f"The upload cannot be read: {fault}. Nothing of it was stored; send it again.",
    )
