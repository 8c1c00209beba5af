"""Which names a phone may give its files. Pure.

A phone names its files as it likes (``Accelerometer.csv``, ``watch/heart_rate.csv``,
``Location 2026.csv``), so letters of any script and spaces are welcome. What cannot exist on the
portable drive is spelt as near to it as can be: the drive is exFAT, which people open on every
system, so Windows' illegal characters (a colon, as in ``10:30.csv``) and device names count, and
two names that differ only in case or in Unicode form are one name. Refused is what could leave the
session's folder or hide in it. What a share sheet adds by itself (``.DS_Store``, ``__MACOSX``) is
left out.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable

from ctlr.kernel.atomic import is_temporary
from ctlr.kernel.errors import Refusal

# The file systems allow 255; what is written beside a file under a temporary name needs the rest.
MAX_NAME_BYTES = 240

_SPELT_OTHERWISE = str.maketrans(dict.fromkeys('"*:<>?|', "_"))
_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".localized"})
_CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # of category Cf, and part of words in several scripts
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
)


def parse_upload_name(raw: bytes) -> str:
    """The name that a file is stored under, relative to the session's phone folder.

    ``raw`` is what the client sent. The answer has at most one folder, parted by ``/``, and is
    in Unicode form NFC. Raises ``Refusal`` with code ``invalid_filename``.
    """
    try:
        name = unicodedata.normalize("NFC", raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise _refusal(raw, "is not UTF-8") from None
    parts = [_spell(part) for part in name.split("/")]
    if len(parts) > 2:
        raise _refusal(raw, "has more than one folder")
    for part in parts:
        fault = next((fault for holds, fault in _FAULTS if holds(part)), None)
        if fault:
            raise _refusal(raw, fault)
    return "/".join(parts)


def is_litter(raw: bytes) -> bool:
    """Whether a system put the file there, not a person or an app: nobody's data is lost."""
    folder, _, base = raw.decode("utf-8", "replace").rpartition("/")
    return "__MACOSX" in folder.split("/") or base.startswith("._") or base.lower() in _LITTER


def other_name(name: str, others: Collection[str], replaced: Collection[str] = ()) -> str:
    """``name``, or the first of ``name-2.csv``, ``name-3.csv``, ... that can stand beside others and
    is none of them; one of ``replaced`` it may be."""
    beside = [*others, *replaced]
    folder, slash, base = name.rpartition("/")
    if slash:
        folder = _folder_beside(folder, beside)
    stem, dot, suffix = base.rpartition(".")
    if not stem:
        stem, dot, suffix = base, "", ""
    candidate, number = f"{folder}{slash}{base}", 2
    while candidate in others or find_clash(candidate, beside):
        end = f"-{number}{dot}{suffix}"
        kept = stem.encode()[: MAX_NAME_BYTES - len(end.encode())].decode(errors="ignore")
        candidate, number = f"{folder}{slash}{kept}{end}", number + 1
    return candidate


def _folder_beside(folder: str, others: Iterable[str]) -> str:
    """A folder as others spell it already, or another where one of them is a file of that name."""
    found = [other.rpartition("/") for other in others]
    folders = {known.casefold(): known for known, slash, _ in found if slash}
    files = {base.casefold() for _, slash, base in found if not slash}
    candidate, number = folder, 2
    while candidate.casefold() in files:
        candidate, number = f"{folder}-{number}", number + 1
    return folders.get(candidate.casefold(), candidate)


def _spell(part: str) -> str:
    spelt = part.translate(_SPELT_OTHERWISE)
    if spelt.strip(". "):
        spelt = spelt.rstrip(". ")
    return f"_{spelt}" if _is_device(spelt) else spelt


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in _CONTROL_CATEGORIES and letter not in _JOINERS


def _is_device(part: str) -> bool:
    return part.partition(".")[0].rstrip().lower() in _DEVICES


# For each component: what must not hold, and how the refusal puts it.
_FAULTS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda part: not part, "is empty, absolute, or has an empty part"),
    (is_temporary, "starts with a dot or _tmp_, which hides it"),
    (lambda part: len(part.encode()) > MAX_NAME_BYTES, f"is longer than {MAX_NAME_BYTES} bytes"),
    (lambda part: any(map(_is_control, part)), "has a control character"),
    (lambda part: "\\" in part, "has a backslash, which parts folders on Windows"),
    (lambda part: part.endswith((".", " ")), "ends with a dot or a space"),
)


def find_clash(name: str, others: Iterable[str]) -> str | None:
    """The first of ``others`` that cannot stand beside ``name`` on the portable drive, or None.

    That is one that differs only in case, that lies in a folder which differs only in case, or
    that is a file where the other needs a folder. ``name`` itself never clashes: it replaces.
    """
    return next((other for other in others if other != name and _clash(name, other)), None)


def _clash(name: str, other: str) -> bool:
    return any(
        mine.casefold() == theirs.casefold()
        and not (mine == theirs and mine_folder is their_folder)
        for mine, mine_folder in _levels(name)
        for theirs, their_folder in _levels(other)
    )


def _levels(name: str) -> list[tuple[str, bool]]:
    """Each path along a name, and whether it is a folder there."""
    folder, slash, _ = name.rpartition("/")
    return [(folder, True), (name, False)] if slash else [(name, False)]


def _refusal(raw: bytes, fault: str) -> Refusal:
    shown = raw[:80].decode("utf-8", "backslashreplace")
    shown = "".join(letter if letter.isprintable() else "?" for letter in shown)
    return Refusal(
        "invalid_filename",
        f"The file name {shown!r} {fault}; nothing of this upload was stored. "
        "Name the file like accelerometer.csv or watch/heart_rate.csv and send it again.",
    )
