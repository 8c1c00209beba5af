"""What people say of a session: its label, notes, and whether it is a good take. Pure.

They are told apart from what was measured: they may change at any time, and change no file of the
session but its manifest.
"""

import unicodedata
from collections.abc import Mapping

from ctlr.kernel.errors import Refusal

LONGEST_LABEL = 80
LONGEST_NOTES = 4000
VERDICTS = ("good", "bad")


def parse_remarks(said: Mapping[str, str | None]) -> dict[str, str | None]:
    """The columns to set of what somebody says, by ``label``, ``notes`` and ``verdict``; None and
    "" take a remark away. Raises ``Refusal`` ``invalid_request``."""
    return {name: _parse(name, text) for name, text in said.items()}


def parse_label(text: str | None) -> str | None:
    """A label as it is kept. Raises ``Refusal`` ``invalid_request``."""
    return _parse("label", text)


def _parse(name: str, text: str | None) -> str | None:
    text = unicodedata.normalize("NFC", text or "").strip()
    if not text:
        return None
    allowed = "\n\t" if name == "notes" else ""
    longest = LONGEST_NOTES if name == "notes" else LONGEST_LABEL
    if name == "verdict" and text not in VERDICTS:
        raise Refusal("invalid_request", "A verdict is good or bad; nothing was changed.")
    if len(text) > longest:
        raise _refused(name, f"may have {longest} characters")
    if any(unicodedata.category(letter) in _NO_TEXT and letter not in allowed for letter in text):
        raise _refused(name, "may have no control characters")
    return text


_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def _refused(name: str, rule: str) -> Refusal:
    return Refusal("invalid_request", f"The session's {name} {rule}; nothing was changed.")
