"""What of an earlier run's CAN files is kept, and what is made (again). Pure.

The cut is kept where the same rows belong, the decoded signals where cut and databases are the
same. A recording that is gone takes nothing away, nor does one that has fewer rows by now: a later
run never makes less of a session.
"""

from collections.abc import Iterable
from enum import StrEnum

from ctlr.layout.session import CAN_FILE
from ctlr.postprocess.can.runs import CanRows
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.standing import Standing

SOURCE = "can"


class CanWork(StrEnum):
    """What is to be done; each includes what stands after it."""

    CUT = "cut"
    DECODE = "decode"
    NOTHING = "nothing"


def can_before(standing: Standing) -> CanSource | None:
    """What an earlier run's manifest says of the bus."""
    source = standing.manifest.sources.get(SOURCE) if standing.manifest else None
    return source if isinstance(source, CanSource) else None


def choose_work(found: CanRows | None, databases: str, standing: Standing) -> CanWork:
    """``found`` are the rows that belong, None where there is no recording; ``databases`` is their
    fingerprint, empty without any: then what was decoded once stays."""
    if found is None:
        return CanWork.NOTHING
    before = can_before(standing)
    if before is None or not _has_this_cut(before, found, standing):
        return CanWork.CUT
    return CanWork.DECODE if decodes_again(databases, standing) else CanWork.NOTHING


def decodes_again(databases: str, standing: Standing) -> bool:
    """Whether an earlier cut, which stays, is decoded: never one that is damaged, for what was
    decoded of it before is worth more."""
    before = can_before(standing)
    if before is None or not databases or not standing.is_sound(CAN_FILE):
        return False
    return not _has_these_signals(before, databases, standing)


def _has_this_cut(before: CanSource, found: CanRows, standing: Standing) -> bool:
    entry = standing.entry(CAN_FILE)
    same = entry is not None and entry.inputs == cut_inputs(found)
    return same and _are_sound([CAN_FILE, before.arrival_file], standing)


def _has_these_signals(before: CanSource, databases: str, standing: Standing) -> bool:
    signals, raw = before.signals, standing.entry(CAN_FILE)
    if signals is None or signals.inputs != signal_inputs(raw.xxh128 if raw else None, databases):
        return False
    return _are_sound([signals.parquet, *(m.file for m in signals.messages)], standing)


def keeps_earlier_cut(rows: int, size: int, standing: Standing) -> bool:
    """Whether an earlier cut is kept though another was made, of ``rows`` in ``size`` bytes: it has
    more rows. One that is damaged stays if it has more bytes as well."""
    before = can_before(standing)
    if before is None or standing.entry(CAN_FILE) is None or rows >= before.frames:
        return False
    if standing.is_sound(CAN_FILE) or CAN_FILE not in standing.sizes:
        return True
    return (standing.sizes[CAN_FILE] or 0) > size


def cut_inputs(found: CanRows) -> str:
    """What the entry of ``can_raw.csv`` says that it was made of."""
    return f"{found.first_ms}-{found.last_ms} {found.inputs}".rstrip()


def signal_inputs(raw_xxh128: str | None, databases: str) -> str:
    """What the decoded signals say that they were made of."""
    return f"{raw_xxh128 or ''} {databases}"


def _are_sound(names: Iterable[str | None], standing: Standing) -> bool:
    return all(standing.is_sound(name) for name in names if name)


def files_of(source: CanSource) -> set[str]:
    """Every file of a bus."""
    signals = source.signals
    names = [source.file, source.arrival_file]
    if signals is not None:
        names += [signals.parquet, *(message.file for message in signals.messages)]
    return {name for name in names if name}
