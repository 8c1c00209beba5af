"""``ctlr upload``: files of phone and watch, or anything else, into a session."""

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from ctlr.cli.command import FIELD, app, examples, fail
from ctlr.cli.controller import (
    AsJson,
    Json,
    Url,
    ask,
    controller_url,
    day_and_time,
    print_json,
    printable,
    send,
    understand,
)
from ctlr.kernel.errors import Refusal

UPLOAD_S = 120.0
_BLOCK_BYTES = 1 << 20


@app.command(
    rich_help_panel=FIELD,
    epilog=examples(
        "ctlr upload heart_rate.csv", "ctlr upload --session 3f2b export-of-the-phone/"
    ),
)
def upload(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, readable=True, help="Files; of a folder all that is in it."),
    ],
    session: Annotated[
        str | None,
        typer.Option(
            "--session", "--uuid", help="Its id or the beginning of it (else the newest session)."
        ),
    ] = None,
    *,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Put files into a session, as the phone does; a name that is there already is replaced."""
    base = controller_url(context, url)
    named = named_files(files)
    if not named:
        fail("There is no file in it; nothing was sent.", code=1)
    chosen = _find_session(base, session)
    form = Form(str(chosen["uuid"]), named)
    answer = send(base, "/api/sync/phone", form.kind, form.length(), form.body(), UPLOAD_S)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    kept = understand(shapes.UploadAnswer, answer)
    wrong = [file.name for file in kept.stored if file.sha256 not in form.hashes]
    if wrong:
        fail(f"Stored otherwise than sent: {', '.join(map(printable, wrong))}. Again.", code=1)
    at = day_and_time(chosen.get("started_at") or chosen.get("created_at"))
    typer.echo(f"{kept.files_saved} files are in session {kept.uuid} of {at}.")
    for renamed in kept.renamed:
        typer.echo(f"{printable(renamed.sent)} is called {printable(renamed.stored)} there.")
    for ignored in kept.ignored:
        typer.echo(f"Left out: {printable(ignored.name)} ({printable(ignored.reason)}).")
    if kept.waiting_for:
        waits = ", ".join(map(printable, kept.waiting_for))
        typer.echo(f"The session's folder is made once {waits} have delivered.")


def named_files(paths: list[Path]) -> dict[str, Path]:
    """Each file by the name that it is to have in the session; hidden ones are left out."""
    found: dict[str, Path] = {}
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        root = path if path.is_dir() else path.parent
        for file in inside:
            name = file.relative_to(root)
            if not file.is_file() or any(part.startswith(".") for part in name.parts):
                continue
            if name.as_posix() in found:
                raise Refusal("invalid_request", f"{name} is named twice; nothing was sent.")
            found[name.as_posix()] = file
    return found


class Form:
    """Files as ``multipart/form-data``, read while they are sent; ``hashes`` are their sha256."""

    def __init__(self, session: str, files: dict[str, Path]) -> None:
        self._boundary = f"ctlr-{uuid.uuid4().hex}"
        self._session = session
        self._files = {self._head(name): file for name, file in files.items()}
        self.kind = f"multipart/form-data; boundary={self._boundary}"
        self.hashes: set[str] = set()

    def length(self) -> int:
        heads = sum(len(head) + 2 for head in self._files)
        sizes = sum(file.stat().st_size for file in self._files.values())
        return len(self._first()) + heads + sizes + len(self._last())

    def body(self) -> Iterator[bytes]:
        yield self._first()
        for head, file in self._files.items():
            yield head
            yield from self._blocks(file)
            yield b"\r\n"
        yield self._last()

    def _blocks(self, file: Path) -> Iterator[bytes]:
        digest = hashlib.sha256()
        with open(file, "rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                yield block
        self.hashes.add(digest.hexdigest())

    def _first(self) -> bytes:
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="uuid"\r\n\r\n'
        return f"{head}{self._session}\r\n".encode()

    def _head(self, name: str) -> bytes:
        disposition = f"form-data; name=\"files\"; filename*=utf-8''{quote(name, safe='')}"
        return f"--{self._boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()

    def _last(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


def _find_session(base: str, session: str | None) -> Json:
    if session is not None:
        return ask(base, "GET", f"/api/sessions/{quote(session, safe='')}")
    newest: list[Json] = ask(base, "GET", "/api/sessions?limit=1").get("sessions", [])
    if not newest:
        fail("Nothing has been recorded here yet, so nothing was sent.", code=1)
    return newest[0]
