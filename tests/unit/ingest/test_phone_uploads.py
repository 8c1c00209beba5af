"""Uploads onto a folder, from a body that the test cuts as it likes."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ctlr.gate import Gate
from ctlr.ingest.phone_staging import storage_errors
from ctlr.ingest.phone_uploads import PhoneUploads, Upload
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import LoggingLayout

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "00000000-0000-4000-8000-000000000001"
BOUNDARY = "fence"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
MIB = 1 << 20


def field(name: str, value: str) -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    )


def file(name: str, data: bytes, *, key: str = "files") -> bytes:
    disposition = f'form-data; name="{key}"; filename="{name}"'
    return part(disposition, data)


def part(disposition: str, data: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: text/csv\r\n\r\n"
    return head.encode() + data + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def in_chunks(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
    yield b""


@pytest.fixture
def layout(tmp_path: Path) -> LoggingLayout:
    return LoggingLayout(tmp_path / "logging")


@pytest.fixture(autouse=True)
def drive(layout: LoggingLayout) -> None:
    layout.root.mkdir()


def uploads(layout: LoggingLayout, max_bytes: int = 64 * MIB) -> PhoneUploads:
    return PhoneUploads(layout, max_bytes, Gate(), idle_s=5, disk_s=20)


async def receive(layout: LoggingLayout, data: bytes, chunk: int = 65536) -> Upload:
    return await uploads(layout).receive(in_chunks(data, chunk), CONTENT_TYPE)


async def refused(layout: LoggingLayout, data: bytes, content_type: str = CONTENT_TYPE) -> str:
    with pytest.raises(Refusal) as refusal:
        await uploads(layout).receive(in_chunks(data), content_type)
    assert tree(layout) == {}
    return refusal.value.code


def tree(layout: LoggingLayout) -> dict[str, bytes]:
    """Every file below the phone folder, staged ones too."""
    root = layout.root / "phone"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() or path.is_symlink()
    }


@pytest.mark.parametrize("uuid_first", [True, False])
@pytest.mark.parametrize("chunk", [1, 7, 65536])
async def test_files_arrive_as_sent_wherever_the_body_is_cut(
    layout: LoggingLayout, chunk: int, uuid_first: bool
) -> None:
    accel = b"time,x\r\n--fenc\r\n-- --fence" + os.urandom(2000) + b"\r\n"
    files = [file("Accelerometer.csv", accel), file("watch/heart_rate.csv", b"")]
    parts = [field("uuid", UUID.upper()), *files]
    upload = await receive(layout, body(*parts if uuid_first else reversed(parts)), chunk)
    assert upload.uuid == UUID
    assert {(f.name, f.size, f.sha256) for f in upload.stored} == {
        ("Accelerometer.csv", len(accel), hashlib.sha256(accel).hexdigest()),
        ("watch/heart_rate.csv", 0, hashlib.sha256(b"").hexdigest()),
    }
    assert tree(layout) == {
        f"{UUID}/Accelerometer.csv": accel,
        f"{UUID}/watch/heart_rate.csv": b"",
    }
    assert sorted(os.listdir(layout.root / "phone")) == [UUID]


async def test_a_file_of_many_pieces(layout: LoggingLayout) -> None:
    data = os.urandom(3 * MIB + 17)
    upload = await receive(layout, body(field("uuid", UUID), file("big.csv", data)))
    assert upload.stored[0].sha256 == hashlib.sha256(data).hexdigest()
    assert tree(layout) == {f"{UUID}/big.csv": data}


async def test_other_fields_are_skipped(layout: LoggingLayout) -> None:
    parts = (field("device", "x" * 100_000), field("uuid", f" {UUID}\n"), file("a.csv", b"1"))
    assert (await receive(layout, body(*parts))).uuid == UUID


async def test_the_extended_spelling_of_a_name(layout: LoggingLayout) -> None:
    extended = part(
        'form-data; name="files"; filename="?.csv"; filename*=utf-8\'\'%E5%8A%A0.csv', b"1"
    )
    upload = await receive(layout, body(field("uuid", UUID), extended))
    assert [f.name for f in upload.stored] == ["加.csv"]


async def test_a_name_in_pieces_that_do_not_fit_together(layout: LoggingLayout) -> None:
    """RFC 2231 has them, and a form has none."""
    odd = part('form-data; name="files"; filename*0="a"; filename*=".csv"', b"1")
    assert await refused(layout, body(field("uuid", UUID), odd)) == "invalid_upload"
    boundary = 'multipart/form-data; boundary*0="a"; boundary*="b"'
    assert await refused(layout, body(field("uuid", UUID)), boundary) == "invalid_upload"


async def test_a_name_in_plain_utf8(layout: LoggingLayout) -> None:
    upload = await receive(layout, body(field("uuid", UUID), file("Straße 1.csv", b"1")))
    assert [f.name for f in upload.stored] == ["Straße 1.csv"]


async def test_the_same_name_again_replaces_it_whole(layout: LoggingLayout) -> None:
    for data in (b"first, and longer", b"second"):
        await receive(layout, body(field("uuid", UUID), file("watch/a.csv", data)))
    assert tree(layout) == {f"{UUID}/watch/a.csv": b"second"}


async def test_the_same_name_again_but_broken_changes_nothing(layout: LoggingLayout) -> None:
    await receive(layout, body(field("uuid", UUID), file("a.csv", b"first")))
    with pytest.raises(Refusal):
        await receive(layout, field("uuid", UUID) + file("a.csv", b"second"))  # no end
    assert tree(layout) == {f"{UUID}/a.csv": b"first"}


async def test_parallel_uploads_of_one_name_end_in_one_whole_file(layout: LoggingLayout) -> None:
    contents = [bytes([65 + number]) * (2 * MIB + number) for number in range(6)]
    service = uploads(layout)
    await asyncio.gather(
        *(
            service.receive(in_chunks(body(field("uuid", UUID), file("a.csv", data))), CONTENT_TYPE)
            for data in contents
        )
    )
    assert list(tree(layout)) == [f"{UUID}/a.csv"]
    assert tree(layout)[f"{UUID}/a.csv"] in contents


BAD_BODIES = {
    "no uuid": ("invalid_uuid", body(file("a.csv", b"1"))),
    "uuid of a path": ("invalid_uuid", body(field("uuid", "../../etc"), file("a.csv", b"1"))),
    "uuid of a megabyte": ("invalid_uuid", body(file("a.csv", b"1"), field("uuid", "f" * MIB))),
    "two uuids": (
        "invalid_uuid",
        body(field("uuid", UUID), file("a.csv", b"1"), field("uuid", OTHER)),
    ),
    "no file": ("no_files", body(field("uuid", UUID))),
    "file without a name": ("invalid_filename", body(field("uuid", UUID), file("", b"1"))),
    "escaping": ("invalid_filename", body(field("uuid", UUID), file("../../etc/passwd", b"1"))),
    "second name is bad": (
        "invalid_filename",
        body(field("uuid", UUID), file("a.csv", b"1"), file("/etc/cron.d/x", b"1")),
    ),
    "escaping in extended form": (
        "invalid_filename",
        body(field("uuid", UUID), part("form-data; name=files; filename*=utf-8''%2e%2e%2fx", b"1")),
    ),
    "not UTF-8 in extended form": (
        "invalid_filename",
        body(field("uuid", UUID), part("form-data; name=files; filename*=utf-8''%ff", b"1")),
    ),
    "cut": ("invalid_upload", body(field("uuid", UUID), file("a.csv", b"1" * 500))[:-40]),
    "cut in the headers": ("invalid_upload", body(file("a.csv", b"1"))[:30]),
    "not multipart": ("invalid_upload", b"hello"),
    "empty": ("invalid_upload", b""),
    "encoded": (
        "invalid_upload",
        body(
            field("uuid", UUID),
            b'--fence\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\nMTIz\r\n",
        ),
    ),
    "header bomb": ("invalid_upload", b"--fence\r\nX: " + b"x" * MIB + b"\r\n\r\n1"),
    "10,000 parts": ("upload_too_large", body(*[field("x", "1")] * 10_000)),
}


@pytest.mark.parametrize(("code", "data"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_a_bad_body_is_refused_and_leaves_nothing(
    layout: LoggingLayout, code: str, data: bytes
) -> None:
    assert await refused(layout, data) == code


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=fence",
     "multipart/form-data; boundary=" + "x" * 400],
)  # fmt: skip
async def test_other_content_types_are_refused(layout: LoggingLayout, content_type: str) -> None:
    data = body(field("uuid", UUID), file("a.csv", b"1"))
    assert await refused(layout, data, content_type) == "invalid_upload"


async def test_a_body_over_the_limit(layout: LoggingLayout) -> None:
    data = body(field("uuid", UUID), file("a.csv", b"1" * 3 * MIB))
    with pytest.raises(Refusal, match="upload_too_large"):
        await uploads(layout, max_bytes=2 * MIB).receive(in_chunks(data), CONTENT_TYPE)
    assert tree(layout) == {}


async def test_an_upload_stands_at_the_gate_until_it_has_ended(layout: LoggingLayout) -> None:
    gate = Gate()
    seen: list[str] = []

    async def watched() -> AsyncIterator[bytes]:
        seen.extend(work.code for work in gate.find_work())
        yield b"1" * 3 * MIB

    with pytest.raises(Refusal, match="upload_too_large"):
        await PhoneUploads(layout, MIB, gate).receive(watched(), CONTENT_TYPE)
    assert seen == ["upload_in_progress"]
    assert gate.find_work() == []


async def test_a_declared_size_over_the_limit_is_refused_unread(layout: LoggingLayout) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    with pytest.raises(Refusal, match="upload_too_large"):
        await uploads(layout).receive(unread(), CONTENT_TYPE, declared_bytes=65 * MIB)


async def test_a_client_that_goes_away_leaves_nothing(layout: LoggingLayout) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield field("uuid", UUID) + file("a.csv", b"1" * 2 * MIB)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await uploads(layout).receive(breaking(), CONTENT_TYPE)
    assert tree(layout) == {}


async def test_a_cancelled_upload_leaves_nothing(layout: LoggingLayout) -> None:
    waiting = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield field("uuid", UUID) + file("a.csv", b"1" * 2 * MIB)
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(uploads(layout).receive(stalling(), CONTENT_TYPE))
    await waiting.wait()
    assert len(tree(layout)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree(layout) == {}


async def test_a_client_that_sends_nothing_more(layout: LoggingLayout) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield field("uuid", UUID)
        await asyncio.Event().wait()

    service = PhoneUploads(layout, MIB, Gate(), idle_s=0.05)
    with pytest.raises(Refusal, match="upload_timed_out"):
        await service.receive(silent(), CONTENT_TYPE)
    assert tree(layout) == {}


async def test_a_name_that_differs_in_case_from_a_stored_one(layout: LoggingLayout) -> None:
    await receive(layout, body(field("uuid", UUID), file("watch/a.csv", b"first")))
    for _ in range(2):  # the same upload once more changes nothing
        for name in ("Watch/b.csv", "watch/A.csv", "watch"):
            await receive(layout, body(field("uuid", UUID), file(name, name.encode())))
    assert tree(layout) == {
        f"{UUID}/watch/a.csv": b"first",
        f"{UUID}/watch/b.csv": b"Watch/b.csv",
        f"{UUID}/watch/A-2.csv": b"watch/A.csv",
        f"{UUID}/watch-2": b"watch",
    }


async def test_two_files_of_one_name_are_both_kept(layout: LoggingLayout) -> None:
    files = [file("a.csv", b"1"), file("a.csv", b"2"), file("A.csv", b"3")]
    for _ in range(2):
        upload = await receive(layout, body(field("uuid", UUID), *files))
    assert [(f.sent_as, f.name) for f in upload.stored] == [
        ("a.csv", "a.csv"),
        ("a.csv", "a-2.csv"),
        ("A.csv", "A-3.csv"),
    ]
    assert tree(layout) == {
        f"{UUID}/a.csv": b"1",
        f"{UUID}/a-2.csv": b"2",
        f"{UUID}/A-3.csv": b"3",
    }


async def test_what_a_share_sheet_adds_costs_itself_and_is_named(layout: LoggingLayout) -> None:
    upload = await receive(
        layout,
        body(
            field("uuid", UUID),
            file(".DS_Store", b"x" * 6148),
            file("__MACOSX/._gps.csv", b"x"),
            file("", b""),
            part('form-data; name="files"', b"a text"),
            file("gps 10:30.csv", b"1"),
        ),
    )
    assert tree(layout) == {f"{UUID}/gps 10_30.csv": b"1"}
    assert [(f.sent_as, f.name) for f in upload.stored] == [("gps 10:30.csv", "gps 10_30.csv")]
    assert [part.name for part in upload.ignored] == [
        ".DS_Store",
        "__MACOSX/._gps.csv",
        "",
        "files",
    ]
    assert all(part.reason for part in upload.ignored)


async def test_an_upload_of_litter_alone_holds_no_file(layout: LoggingLayout) -> None:
    assert await refused(layout, body(field("uuid", UUID), file(".DS_Store", b"1"))) == "no_files"


@pytest.mark.parametrize("planted", ["phone", f"phone/{UUID}", f"phone/{UUID}/watch"])
async def test_a_planted_link_is_not_followed(
    layout: LoggingLayout, tmp_path: Path, planted: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = layout.root / planted
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside, target_is_directory=True)
    with suppress(Refusal):  # or what is planted inside the session's folder is left aside
        await receive(layout, body(field("uuid", UUID), file("watch/a.csv", b"1")))
    assert list(outside.iterdir()) == []


async def test_a_link_under_a_files_name_is_replaced_not_followed(
    layout: LoggingLayout, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    folder = layout.phone_session(UUID)
    folder.mkdir(parents=True)
    (folder / "a.csv").symlink_to(target)
    await receive(layout, body(field("uuid", UUID), file("a.csv", b"new")))
    assert target.read_bytes() == b"mine"
    assert not (folder / "a.csv").is_symlink()


async def test_a_drive_that_is_away(tmp_path: Path) -> None:
    service = uploads(LoggingLayout(tmp_path / "missing"))
    with pytest.raises(Refusal, match="storage_unavailable"):
        await service.receive(in_chunks(body(field("uuid", UUID))), CONTENT_TYPE)


async def test_a_bare_mountpoint_is_not_written_to(layout: LoggingLayout) -> None:
    service = PhoneUploads(layout, MIB, Gate(), require_mount=True)
    with pytest.raises(Refusal, match="not mounted"):
        await service.receive(in_chunks(body(field("uuid", UUID))), CONTENT_TYPE)
    assert list(layout.root.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "storage_full"), (errno.EDQUOT, "storage_full"),
     (errno.EIO, "storage_unavailable"), (errno.EROFS, "storage_unavailable")],
)  # fmt: skip
def test_what_a_drive_error_means(number: int, code: str) -> None:
    with pytest.raises(Refusal) as refusal, storage_errors():
        raise OSError(number, os.strerror(number))
    assert refusal.value.code == code


async def test_leftovers_are_removed_but_running_uploads_are_not(layout: LoggingLayout) -> None:
    stale = layout.root / "phone" / ".upload-dead"
    stale.mkdir(parents=True)
    (stale / "0").write_bytes(b"half")
    service = uploads(layout)
    go_on = asyncio.Event()
    started = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield field("uuid", UUID) + file("a.csv", b"1" * 2 * MIB)
        started.set()
        await go_on.wait()
        yield b"--fence--\r\n"

    task = asyncio.create_task(service.receive(slow(), CONTENT_TYPE))
    await started.wait()
    await service.clean_staging()
    assert not stale.exists()
    go_on.set()
    await task
    assert list(tree(layout)) == [f"{UUID}/a.csv"]


async def test_cleaning_where_there_is_no_drive(tmp_path: Path) -> None:
    await uploads(LoggingLayout(tmp_path / "missing")).clean_staging()
    assert not (tmp_path / "missing").exists()


def space(layout: LoggingLayout) -> int:
    found = os.statvfs(layout.root)
    return found.f_bavail * found.f_frsize


async def test_what_records_keeps_its_room(layout: LoggingLayout) -> None:
    data = body(field("uuid", UUID), file("a.csv", b"x" * MIB))
    full = PhoneUploads(layout, 64 * MIB, Gate(), floor_bytes=space(layout) + MIB)
    with pytest.raises(Refusal) as refusal:
        await full.receive(in_chunks(data), CONTENT_TYPE, len(data))
    assert refusal.value.code == "storage_full"
    assert tree(layout) == {}
    with pytest.raises(Refusal) as refusal:
        await full.receive(in_chunks(data), CONTENT_TYPE)
    assert refusal.value.code == "storage_full", "one that does not say how much comes"


async def test_what_is_still_to_come_of_others_counts(layout: LoggingLayout) -> None:
    """There is room for one of two uploads of half of what is free, and some."""
    large = space(layout) // 2 + (64 << 20)
    receiver = PhoneUploads(layout, 1 << 60, Gate(), idle_s=60)
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield field("uuid", UUID) + b" " * 0 + file("a.csv", b"x" * 2 * MIB)
        began.set()
        await go_on.wait()
        yield f"--{BOUNDARY}--\r\n".encode()

    first = asyncio.create_task(receiver.receive(slow(), CONTENT_TYPE, large))
    async with asyncio.timeout(30):
        await began.wait()
    small = body(field("uuid", OTHER), file("b.csv", b"y"))
    with pytest.raises(Refusal) as refusal:
        await receiver.receive(in_chunks(small), CONTENT_TYPE, large)
    assert refusal.value.code == "storage_full"
    assert (await receiver.receive(in_chunks(small), CONTENT_TYPE, len(small))).uuid == OTHER
    go_on.set()
    assert (await first).uuid == UUID
    assert (await receiver.receive(in_chunks(small), CONTENT_TYPE, large)).uuid == OTHER
