"""Whether a web page of somebody else is behind a request. Pure.

A browser sends what a page tells it to, from inside the rig's network, to whatever host the page
names. Three headers that no page can forge give it away:

- ``Host`` is what the browser thinks it talks to. A page may have its own name lead to the rig's
  address (DNS rebinding), and would then count as the rig's: so a name must be one that nobody can
  have on the internet, or one that this machine is known by. An address is always itself.
- ``Origin`` is the page's own site. It must be the one that is asked.
- ``Sec-Fetch-Site`` says the same where the browser sends it. Only a link that was followed may
  come from elsewhere: it reads a page and changes nothing.

Apps, cameras and curl send no ``Origin``, and are asked for none.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

Headers = Iterable[tuple[bytes, bytes]]

_OWN_NETWORKS = (
    *("local", "lan", "home", "internal", "intranet", "private", "corp", "home.arpa"),
    *("localdomain", "localhost"),
)
"""Endings that lead nowhere on the internet (RFC 6761, 6762, 8375; ICANN's name collisions): what is
called so is called so by this network."""

_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[\w.-]+)(?::([0-9]{1,5}))?", re.ASCII)
_PORTS = {"http": 80, "https": 443}


def find_foreign_host(headers: Headers, names: Collection[str]) -> str | None:
    """The ``Host`` that is none of this machine's, cut off; None when all is well. ``names``: in
    lower case."""
    for value in _values(headers, b"host"):
        parts = _split(value)
        if parts is None or not (is_own_network(parts[0]) or parts[0] in names):
            return value[:100]
    return None


def find_foreign_page(method: str, headers: Headers, names: Collection[str]) -> str | None:
    """The site of the page that is behind a request and not this machine's own, cut off."""
    pairs = list(headers)
    host = next(iter(_values(pairs, b"host")), "")
    for origin in _values(pairs, b"origin"):
        if not _is_same(origin, host, names):
            return origin[:100]
    for relation in _values(pairs, b"sec-fetch-site"):
        if relation not in {"same-origin", "none"} and not _follows_link(method, pairs):
            return f"a {relation[:30]} page"
    return None


def is_own_network(host: str) -> bool:
    """Whether a name or address leads nowhere but where this network says."""
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        labels = host.split(".")
        endings = {".".join(labels[-count:]) for count in (1, 2)}
        return len(labels) == 1 or not endings.isdisjoint(_OWN_NETWORKS)
    return True


def _is_same(origin: str, host: str, names: Collection[str]) -> bool:
    """Whether an ``Origin`` is the site that is asked, or one that stands for this machine."""
    site = urlsplit(origin)
    parts = _split(site.netloc)
    asked = _split(host)
    if parts is None or site.scheme not in _PORTS:
        return False
    if parts[0] in names:
        return True  # another port of this machine, such as that of a proxy before it
    port = _PORTS[site.scheme]
    return asked is not None and (parts[0], parts[1] or port) == (asked[0], asked[1] or port)


def _follows_link(method: str, headers: Headers) -> bool:
    modes, places = _values(headers, b"sec-fetch-mode"), _values(headers, b"sec-fetch-dest")
    return method in {"GET", "HEAD"} and modes == ["navigate"] and places == ["document"]


def _split(authority: str) -> tuple[str, int | None] | None:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    return found[1].lower().rstrip("."), int(found[2]) if found[2] else None


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key == name]
