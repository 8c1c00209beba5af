"""Reads each table that was uploaded once, and remembers it until the file is another one.

While a session still records, what has been uploaded is read in passing (``postprocess.run.follow``);
when it is made ready, only the rest is left to read.
"""

from pathlib import Path

from ctlr.postprocess.tables.quantities import find_quantity
from ctlr.postprocess.tables.table import TableFacts, read_table


class TableReader:
    """Tables by their path below the session's folder; ``inputs`` tell whether one has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, TableFacts]] = {}

    def read(self, name: str, inputs: str, path: Path) -> TableFacts:
        """The table ``name``, which lies at ``path`` now."""
        known = self._known.get(name)
        if known and known[0] == inputs:
            return known[1]
        facts = read_table(path, lambda header: find_quantity(header, path.name))
        self._known[name] = inputs, facts
        return facts
