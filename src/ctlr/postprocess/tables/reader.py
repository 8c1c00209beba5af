"""Reads each table that was uploaded once, and remembers it until the file is another one.

While a session still records, what has been uploaded is read in passing (``postprocess.run.follow``);
when it is made ready, only the rest is left to read.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import structlog

from ctlr.postprocess.tables.archives import read_member, split_member
from ctlr.postprocess.tables.header import NoTable
from ctlr.postprocess.tables.quantities import find_quantity
from ctlr.postprocess.tables.table import FindQuantity, TableFacts

_log = structlog.get_logger("postprocess")

ReadMember = Callable[[Path, str | None, FindQuantity], TableFacts]
"""As ``archives.read_member``."""


class TableReader:
    """Tables by their path below the session's folder; ``inputs`` tell whether one has changed."""

    def __init__(self, read: ReadMember = read_member) -> None:
        self._read = read
        self._known: dict[str, tuple[str, TableFacts]] = {}

    def read(self, name: str, inputs: str, path: Path) -> TableFacts:
        """The table ``name``, which lies at ``path``, or in the archive there, now."""
        known = self._known.get(name)
        if known and known[0] == inputs:
            return known[1]
        member = split_member(name)[1]
        own_name = PurePosixPath(member or path.name).name
        try:
            facts = self._read(path, member, lambda header: find_quantity(header, own_name))
        except Exception as error:  # whatever ails one table must not cost the session
            _log.exception("a table could not be read", path=name)
            text = f"It could not be understood ({type(error).__name__})."
            facts = TableFacts(no_table=NoTable("unreadable", text))
        self._known[name] = inputs, facts
        return facts
