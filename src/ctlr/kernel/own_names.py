"""What this machine is called on its network, as far as the machine itself knows.

Its host name, also with ``.local``, the names that ``/etc/hosts`` gives it, and its host name below the domains that the
network has told it to search. No name server is asked: without an internet each question would cost
seconds. Wi-Fi comes up after the service does, so an unknown name has all of it read again, at most
once in ``AGAIN_S``.
"""

import re
import socket
import time
from collections.abc import Iterable
from pathlib import Path

HOSTS = Path("/etc/hosts")
RESOLVER = Path("/etc/resolv.conf")
AGAIN_S = 5.0

_SEARCH = re.compile(r"^\s*(?:search|domain)\s+(.+)$", re.MULTILINE)


class OwnNames:
    """Those that are known, and ``told`` ones: what the configuration adds."""

    def __init__(
        self,
        told: Iterable[str] = (),
        host: str | None = None,
        hosts: Path = HOSTS,
        resolver: Path = RESOLVER,
        again_s: float = AGAIN_S,
    ) -> None:
        self._told = frozenset(name.lower().rstrip(".") for name in told)
        self._host = host
        self._files = hosts, resolver
        self._again_s = again_s
        self._read_at = -again_s
        self._names = self._told

    def now(self) -> frozenset[str]:
        """In lower case, without a dot at the end."""
        return self._names

    def read_again(self) -> frozenset[str]:
        """The same, read anew if the last time was long enough ago."""
        if time.monotonic() - self._read_at >= self._again_s:
            self._read_at = time.monotonic()
            host = self._host or socket.gethostname()
            self._names = self._told | names_of(host, *(_text(file) for file in self._files))
        return self._names


def names_of(host: str, hosts: str, resolver: str) -> frozenset[str]:
    """The names of the machine ``host``, by the text of its hosts file and its resolver's."""
    host = host.lower().rstrip(".")
    short = host.partition(".")[0]
    names = {host, short, f"{short}.local"}
    for line in hosts.lower().splitlines():
        _, *called = line.partition("#")[0].split() or [""]
        if {host, short} & set(called):
            names |= set(called)
    domains = " ".join(_SEARCH.findall(resolver.lower())).split()
    names |= {f"{short}.{domain.strip('.')}" for domain in domains if domain.strip(".")}
    # Whoever asks for localhost may mean a machine of their own.
    return frozenset(name for name in names if "localhost" not in name)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
