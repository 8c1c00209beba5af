"""An eject gets the drive: downloads are broken off, and nobody reads any more."""

from pathlib import Path

import pytest

from ctlr.downloads.folder import ChangedError, find_file
from ctlr.downloads.sending import PIECE_BYTES, Downloads
from ctlr.kernel.clock import SystemClock


def downloads(folder: Path) -> Downloads:
    return Downloads(lambda _uuid: folder, lambda: None, bool, SystemClock())


async def test_pieces_make_the_whole(tmp_path: Path) -> None:
    content = bytes(range(251)) * 5000
    (tmp_path / "a.mp4").write_bytes(content)
    sending = downloads(tmp_path)
    file = await sending.find("u", "a.mp4")
    pieces = [piece async for piece in sending.send(file, 7, len(content) - 7)]
    assert b"".join(pieces) == content[7:]
    assert {len(piece) for piece in pieces[:-1]} == {PIECE_BYTES}


async def test_an_eject_breaks_them_off(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x" * (3 * PIECE_BYTES))
    sending = downloads(tmp_path)
    pieces = sending.send(find_file(tmp_path, "a.mp4"), 0, 3 * PIECE_BYTES)
    await anext(pieces)
    await sending.release()
    with pytest.raises(ChangedError):
        await anext(pieces)
    again = sending.send(find_file(tmp_path, "a.mp4"), 0, PIECE_BYTES)
    assert len(await anext(again)) == PIECE_BYTES
