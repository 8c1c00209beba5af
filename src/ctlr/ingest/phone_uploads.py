"""The phone's files, from the request's body to the drive.

The body is taken in pieces of about a megabyte; each is parsed, hashed and written in a thread,
so memory stays flat whatever the size and the event loop stays free. Whatever ends an upload
early - a bad name, the size limit, a phone that walks out of the Wi-Fi, a full or a dead drive -
leaves nothing of it behind, and the answer says that the phone must keep its recording.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from ctlr.gate import Gate
from ctlr.ingest.phone_parts import Ignored, PartReader
from ctlr.ingest.phone_staging import (
    Staging,
    StoredFile,
    clean_staging,
    staging_name,
    storage_full,
    storage_unavailable,
)
from ctlr.ingest.upload_places import SLOW_S, Place, UploadPlaces
from ctlr.kernel.errors import Refusal
from ctlr.kernel.threads import in_thread
from ctlr.layout.raw import LoggingLayout

PIECE_BYTES = 1 << 20

_log = structlog.get_logger("ingest")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Upload:
    """A stored upload: the session, its files as they now lie on the drive, and what was left out."""

    uuid: str
    stored: tuple[StoredFile, ...]
    ignored: tuple[Ignored, ...] = ()


async def read_away(body: AsyncIterator[bytes], limit_s: float = 10) -> None:
    """Throw away what a refused client still sends, for at most ``limit_s`` seconds.

    To be called between the refusal's last byte and the end of the response. A connection closed
    over unread bytes is reset, and the reset overtakes the answer: the phone would show "network
    connection lost" where it could show the reason. Ends quietly, also when the client has gone.
    """
    with suppress(Exception):  # nobody is left to tell: the answer has been sent
        async with asyncio.timeout(limit_s):
            async for _ in body:
                pass


class PhoneUploads:
    """Receives uploads below one logging drive.

    ``check_storage`` raises the ``Refusal`` for a drive that takes nothing now. ``require_mount``:
    refuse while the drive is not mounted. ``idle_s``: a phone that sends nothing for so long has
    gone. ``disk_s``: a drive that takes so long for one piece is dead. ``floor_bytes`` of the drive
    are left to what records: an upload for which there is no room above them is refused, the rest
    of those that run counted in. At most ``max_parallel`` run at a time, ``per_address``
    of them for one host; who stands still for ``slow_s`` gives way.
    """

    def __init__(
        self,
        layout: LoggingLayout,
        max_bytes: int,
        gate: Gate,
        *,
        check_storage: Callable[[], None] = lambda: None,
        require_mount: bool = False,
        idle_s: float = 60,
        disk_s: float = 30,
        max_parallel: int = 16,
        per_address: int = 8,
        slow_s: float = SLOW_S,
        floor_bytes: int = 0,
    ) -> None:
        self._layout = layout
        self._max_bytes = max_bytes
        self._gate = gate
        self._check_storage = check_storage
        self._require_mount = require_mount
        self._idle_s = idle_s
        self._disk_s = disk_s
        self._floor_bytes = floor_bytes
        self._places = UploadPlaces(max_parallel, per_address, slow_s)
        self._running: set[_Receiver] = set()
        gate.add_reader(self._places.end_still)

    async def receive(
        self,
        body: AsyncIterator[bytes],
        content_type: str,
        declared_bytes: int | None = None,
        address: str = "",
    ) -> Upload:
        """Store a multipart body: a field ``uuid`` and any number of files, in any order.

        ``declared_bytes`` is the request's Content-Length, to refuse before the first byte;
        ``address`` is whose upload it is.
        Raises ``Refusal``: ``invalid_uuid``, ``invalid_filename``, ``invalid_upload``,
        ``no_files``, ``upload_too_large``, ``upload_timed_out``, ``storage_full``,
        ``storage_unavailable``; and whatever ``body`` raises when the client has gone.
        """
        self._check_storage()
        if declared_bytes is not None and declared_bytes > self._max_bytes:
            raise self._too_large()
        async with self._places.take(address) as place:
            receiver = _Receiver(
                content_type,
                self._layout,
                require_mount=self._require_mount,
                coming_bytes=declared_bytes or 0,
            )
            with self._gate.upload(place.is_moving):
                upload = await self._receive(receiver, body, place)
        _log.info("phone upload stored", uuid=upload.uuid, files=len(upload.stored))
        return upload

    async def _receive(
        self, receiver: "_Receiver", body: AsyncIterator[bytes], place: Place
    ) -> Upload:
        self._running.add(receiver)
        try:
            async for piece in self._pieces(body, place):
                others = sum(one.coming_bytes for one in self._running if one is not receiver)
                kept_bytes = self._floor_bytes + others
                await self._on_disk(partial(receiver.feed, piece, kept_bytes))
            return await self._on_disk(receiver.finish)
        finally:
            with suppress(TimeoutError):  # a dead drive; clean_staging comes later
                await in_thread(self._disk_s, receiver.close)
            self._running.discard(receiver)

    async def clean_staging(self) -> None:
        """Remove what interrupted uploads left. At start, and when the drive has come back."""
        in_use = frozenset(receiver.folder for receiver in self._running)
        try:
            removed = await in_thread(
                self._disk_s, lambda: clean_staging(self._layout, in_use=in_use)
            )
        except (OSError, TimeoutError) as error:
            _log.warning("leftovers of phone uploads stay on the drive", error=str(error))
        else:
            if removed:
                _log.info("leftovers of phone uploads removed", folders=removed)

    async def _pieces(self, body: AsyncIterator[bytes], place: Place) -> AsyncGenerator[bytes]:
        total = 0
        buffer = bytearray()
        while (chunk := await self._next_chunk(body, place)) is not None:
            place.note(len(chunk))
            total += len(chunk)
            if total > self._max_bytes:
                raise self._too_large()
            buffer += chunk
            if len(buffer) >= PIECE_BYTES:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)

    async def _next_chunk(self, body: AsyncIterator[bytes], place: Place) -> bytes | None:
        try:
            async with place.waiting(self._idle_s):
                return await anext(body, None)
        except TimeoutError as error:
            sent = "next to nothing" if place.gave_way else f"nothing for {self._idle_s:g} s"
            why = ", and others were waiting" if place.gave_way else ""
            raise Refusal(
                "upload_timed_out",
                f"The phone sent {sent}{why}, so nothing of the upload was "
                "stored. Its recording is untouched: keep it and send it again.",
            ) from error

    async def _on_disk(self, call: Callable[[], _Result]) -> _Result:
        try:
            return await in_thread(self._disk_s, call)
        except TimeoutError as error:
            raise storage_unavailable(f"it gave no answer within {self._disk_s:g} s") from error

    def _too_large(self) -> Refusal:
        return Refusal(
            "upload_too_large",
            f"The upload is larger than {self._max_bytes / 2**20:.0f} MiB, so nothing of it was "
            "stored. Send the files in several uploads, or raise api.max_upload_mb.",
            max_bytes=self._max_bytes,
        )


class _Receiver:
    """One upload's parser and staging folder. ``coming_bytes`` are still to come, as far as it is
    known.

    The lock lets ``close`` wait for a call that its caller no longer waits for.
    """

    def __init__(
        self, content_type: str, layout: LoggingLayout, *, require_mount: bool, coming_bytes: int
    ) -> None:
        self.folder = staging_name()
        self.coming_bytes = coming_bytes
        self._content_type = content_type
        self._layout = layout
        self._require_mount = require_mount
        self._lock = threading.Lock()
        self._staging: Staging | None = None
        self._reader: PartReader | None = None

    def feed(self, data: bytes, kept_bytes: int) -> None:
        """Take in what has come; ``kept_bytes`` of the drive are left for others."""
        with self._lock:
            if self._staging is None:
                self._staging = Staging(
                    self._layout, self.folder, require_mount=self._require_mount
                )
            if self._reader is None:
                self._reader = PartReader(self._content_type, self._staging)
            coming = max(self.coming_bytes, len(data))
            if self._staging.free_bytes() < kept_bytes + coming:
                raise storage_full()
            self._reader.feed(data)
            self.coming_bytes = max(0, self.coming_bytes - len(data))

    def finish(self) -> Upload:
        with self._lock:
            assert self._reader is not None
            assert self._staging is not None
            uuid = self._reader.finish()
            return Upload(uuid, self._staging.commit(uuid), tuple(self._reader.ignored))

    def close(self) -> None:
        with self._lock:
            if self._staging is not None:
                self._staging.discard()
