"""Texts of others: whatever a stranger's program says stays on one line and can be stored. Pure."""

import re
import unicodedata

MOST_LETTERS = 1000

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def show_controls(text: str) -> str:
    """``text`` with each control character, bidirectional override and lone surrogate written
    out (a line feed becomes backslash n), so that it stays on one line and moves no cursor."""
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in _SHOWN_CATEGORIES
        else letter
        for letter in text
    )


def show_surrogates(text: str, *, as_json: bool = False) -> str:
    """``text`` so that it can be sent: half a surrogate pair, as in cut JavaScript strings and in
    names of files that are not UTF-8, is written out as six letters; in a JSON text as seven that
    mean those."""
    backslash = "\\\\" if as_json else "\\"
    return _SURROGATE.sub(lambda found: f"{backslash}u{ord(found[0]):04x}", text)


def make_harmless(text: str) -> str:
    """A sentence of another program, for a person: written out like ``show_controls`` and cut."""
    shown = show_controls(text[:MOST_LETTERS])
    return shown if len(shown) <= MOST_LETTERS else shown[: MOST_LETTERS - 1] + "…"
