"""Uploads through a real server: memory, the limit, disks that are full, clients that vanish."""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from ctlr.simulator import phone

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
MIB = 1 << 20
SERVER = Path(__file__).with_name("upload_server.py")
HEAD = (
    f'--fence\r\nContent-Disposition: form-data; name="uuid"\r\n\r\n{UUID}\r\n'
    '--fence\r\nContent-Disposition: form-data; name="files"; filename="big.csv"\r\n\r\n'
).encode()
TAIL = b"\r\n--fence--\r\n"


class Server(NamedTuple):
    port: int
    folder: Path
    process: psutil.Process

    def staged(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if ".upload-" in str(path)]


def start(folder: Path, max_bytes: int) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(SERVER), str(folder), str(port), str(max_bytes)]
    child = subprocess.Popen(command)
    try:
        wait_for_port(port, child)
        yield Server(port, folder, psutil.Process(child.pid))
    finally:
        child.kill()
        child.wait(5)


def wait_for_port(port: int, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and child.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    yield from start(tmp_path / "logging", 192 * MIB)


async def post(server: Server, size: int, *, declare: bool) -> tuple[int, bytes, int]:
    """Send a file of ``size`` zero bytes; status, body, and the bytes sent until the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    length = len(HEAD) + size + len(TAIL)
    framing = f"Content-Length: {length}" if declare else "Transfer-Encoding: chunked"
    writer.write(
        "POST /api/sync/phone HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=fence\r\n{framing}\r\n\r\n".encode()
    )

    async def send(data: bytes) -> None:
        writer.write(data if declare else b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()

    answer = asyncio.create_task(read_answer(reader))
    sent, piece = 0, bytes(256 * 1024)
    with suppress(ConnectionError):
        await send(HEAD)
        while sent < size and not answer.done():
            await send(piece[: size - sent])
            sent += len(piece)
        if not answer.done():
            await send(TAIL)
            if not declare:
                writer.write(b"0\r\n\r\n")
    status, payload = await answer
    writer.transport.abort()
    return status, payload, sent


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split()[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def test_memory_stays_flat_while_a_large_file_arrives(server: Server) -> None:
    status, _, _ = await post(server, 4 * MIB, declare=True)
    assert status == 200
    before = server.process.memory_info().rss
    peak = before

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, server.process.memory_info().rss)
            await asyncio.sleep(0.02)

    watcher = asyncio.create_task(watch())
    status, payload, _ = await post(server, 160 * MIB, declare=False)
    watcher.cancel()
    assert status == 200, payload
    assert (server.folder / "phone" / UUID / "big.csv").stat().st_size == 160 * MIB
    print(f"peak RSS {(peak - before) / MIB:.1f} MiB over {before / MIB:.1f} MiB")
    assert peak - before < 16 * MIB
    assert server.staged() == []


@pytest.mark.parametrize("declare", [True, False])
async def test_two_gigabytes_over_the_limit_are_refused_early(
    server: Server, *, declare: bool
) -> None:
    before = server.process.memory_info().rss
    status, payload, sent = await post(server, 192 * MIB + 2048 * MIB, declare=declare)
    assert (status, payload) == (413, b'{"code": "upload_too_large"}')
    assert sent < (64 * MIB if declare else 280 * MIB)
    assert server.process.memory_info().rss - before < 16 * MIB
    assert server.staged() == []


async def test_a_client_that_only_listens_when_it_has_sent_all_hears_why(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    bad_name = HEAD.replace(b"big.csv", b"../big.csv") + bytes(8 * MIB) + TAIL
    writer.write(
        b"POST /api/sync/phone HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
        b"Content-Type: multipart/form-data; boundary=fence\r\n\r\n" % len(bad_name)
    )
    writer.write(bad_name)
    await writer.drain()
    assert await read_answer(reader) == (422, b'{"code": "invalid_filename"}')
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_vanishes_leaves_nothing(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST /api/sync/phone HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n"
        b"Content-Type: multipart/form-data; boundary=fence\r\n\r\n" + HEAD + bytes(2 * MIB)
    )
    await writer.drain()
    await until(lambda: server.staged() != [])
    writer.transport.abort()
    await until(lambda: server.staged() == [])
    assert not (server.folder / "phone" / UUID).exists()
    reader.feed_eof()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a folder of another process has no event
            await asyncio.sleep(0.01)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a small disk takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_drive_says_so_and_is_left_as_it_was(small_disk: Path) -> None:
    for server in start(small_disk, 64 * MIB):
        status, payload, _ = await post(server, 20 * MIB, declare=True)
        assert (status, payload) == (507, b'{"code": "storage_full"}')
        assert server.staged() == []
        status, _, _ = await post(server, 4 * MIB, declare=True)
        assert status == 200


def test_curl_uploads_as_in_the_readme(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Straße 1.csv").write_bytes(b"time,x\n1,2\n")
    (tmp_path / "hr.csv").write_bytes(b"time,bpm\n")
    done = subprocess.run(
        ["curl", "-sS", "-F", f"files=@{tmp_path}/Straße 1.csv",
         "-F", f"files=@{tmp_path}/hr.csv;filename=watch/heart_rate.csv", "-F", f"uuid={UUID}",
         f"http://127.0.0.1:{server.port}/api/sync/phone"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == b'{"uuid":"%s","sizes":[11,9]}' % UUID.encode()
    folder = server.folder / "phone" / UUID
    assert (folder / "Straße 1.csv").read_bytes() == b"time,x\n1,2\n"
    assert (folder / "watch" / "heart_rate.csv").exists()


async def test_the_pretend_phone_is_stored_as_it_is(server: Server, tmp_path: Path) -> None:
    files = phone.generate(tmp_path / "phone", UUID, 1_776_313_714_000, 3)
    answer = await phone.upload(f"http://127.0.0.1:{server.port}", UUID, tmp_path / "phone")
    assert answer["uuid"] == UUID
    stored = server.folder / "phone" / UUID
    for file in files:
        name = file.relative_to(tmp_path / "phone")
        assert (stored / name).read_bytes() == file.read_bytes()
