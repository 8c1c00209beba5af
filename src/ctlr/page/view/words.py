"""Numbers as people say them. Pure."""

import re
from collections.abc import Iterable

OPEN, CLOSE = "\u27e6", "\u27e7"
"""Around an instant in Unix milliseconds that is shown in the reader's own time zone."""


_NAMES = re.compile(r"[0-9-]")


def at(unix_ms: float) -> str:
    """An instant within a text."""
    return f"{OPEN}{int(unix_ms)}{CLOSE}"


def lasting(seconds: float) -> str:
    """About how long: ``45 s``, ``12 min``, ``2 h 05 min``, ``3 days``."""
    seconds = max(0.0, seconds)
    if seconds < 89.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // (24 * 60)} days"


def countdown(seconds: float) -> str:
    """How long still: ``2 min 10 s``, ``40 s``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return lasting(whole)


def stopwatch(seconds: float) -> str:
    """``12:04``, ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def count(number: int, word: str, many: str | None = None) -> str:
    """``1 segment``, ``3 segments``."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def listed(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} and {found[-1]}"


def clock(offset_ms: float | None, uncertainty_ms: float | None) -> str:
    """How far a clock is off, with its bound."""
    if offset_ms is None:
        return "not measured yet"
    if abs(offset_ms) >= 10_000:
        return f"{offset_ms / 1000:+,.1f} s"
    bound = "" if uncertainty_ms is None else f" \u00b1 {uncertainty_ms:.1f}"
    return f"{signed(offset_ms)}{bound} ms"


def signed(number: float) -> str:
    """To a tenth, with a sign; nothing is neither above nor below."""
    rounded = round(number, 1)
    return f"{rounded:+.1f}".replace("-", "\u2212") if rounded else "0.0"


def sentence(text: str) -> str:
    """With a capital letter and a full stop; the name of a camera stays as it is."""
    text = text.strip()
    if not text:
        return ""
    first = text.split(" ", 1)[0]
    begin = text[0] if _NAMES.search(first) else text[0].upper()
    return begin + text[1:] + ("" if text[-1] in ".!?" else ".")
