"""One request on standard input: who asks, what, the answer."""

import json
import os
import pwd
import socket
import struct
import sys
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.privileged.policy import read_policy
from ctlr.storage.privileged.verbs import perform

USER = "ctlr"
MAX_REQUEST_BYTES = 1024
READ_S = 5.0


def main() -> int:
    """Serve the connection on standard input; returns the exit code."""
    try:
        connection = socket.socket(fileno=os.dup(0))
    except OSError:
        sys.stderr.write("ctlr privileged is started by its socket unit, not by hand.\n")
        return 2
    with connection:
        answer = serve(connection)
        sys.stderr.write(f"<{6 if answer['ok'] else 4}>answered {json.dumps(answer)}\n")
        try:
            connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            return 1  # whoever asked has gone
    return 0


def serve(connection: socket.socket) -> dict[str, Any]:
    """The answer to the request that a connection brings."""
    try:
        asker = _require_trusted(connection)
        verb, target = _read_request(connection)
        sys.stderr.write(f"<6>{verb} {target}, asked by process {asker}\n")
        return {"ok": True, "result": perform(verb, target, read_policy())}
    except Refusal as refusal:
        extra = refusal.extra
        return {"ok": False, "code": refusal.code, "detail": refusal.detail, "extra": extra}
    except OSError as error:
        return {"ok": False, "code": "failed", "detail": f"{error}.", "extra": {}}


def _require_trusted(connection: socket.socket) -> int:
    """The process at the other end, if it belongs to root or to the service's user."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, _ = struct.unpack("3i", credentials)
    trusted = {0}
    try:
        trusted.add(pwd.getpwnam(USER).pw_uid)
    except KeyError:  # not installed: root alone
        pass
    if uid not in trusted:
        raise Refusal("not_allowed", f"User {uid} may not ask this.")
    return int(pid)


def _read_request(connection: socket.socket) -> tuple[str, str]:
    connection.settimeout(READ_S)
    content = b""
    while b"\n" not in content and len(content) <= MAX_REQUEST_BYTES:
        piece = connection.recv(MAX_REQUEST_BYTES)
        if not piece:
            break
        content += piece
    try:
        request = json.loads(content) if len(content) <= MAX_REQUEST_BYTES else None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict) or request.keys() != {"verb", "target"}:
        raise Refusal("bad_request", 'A request is one line {"verb": ..., "target": ...}.')
    return str(request["verb"]), str(request["target"])
