"""What the tutorial explains of the demo's words: the rows of its tables, and the lines they fit."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/tutorial/first-session.md"
INSTEAD = (
    *("… took too many frames late", "… were not in step", "Nearest frames of …"),
    *("Not all cameras", "Whether the ", "All 3 cameras were in step"),
    *("The watch runs", "The watch and the phone"),
    *("The session is incomplete", "The manifest is wrong", "Port 8000 is taken"),
)
"""Begin the rows of which a demo prints one or none."""
_ELAPSED = re.compile(r"^ *\d+\.\d s  ")
_BORDER = set("┏━┳┓┡╇┩└─┴┘")


def explained(section: str) -> list[str]:
    """The lines and columns that a section explains; ``…`` stands for anything."""
    text = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| \S", text, re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def said(printed: str) -> list[str]:
    """The lines of a demo, without the time before them; of the table its columns."""
    found = []
    for line in printed.splitlines():
        if line.startswith("┃"):
            found += [cell.strip() for cell in line.strip("┃").split("┃")]
        elif line.strip() and not line.startswith("│") and not _BORDER & set(line):
            found.append(_ELAPSED.sub("", line).strip())
    return found


def fits(explanation: str, line: str) -> bool:
    """Whether a line is the one that is explained; other numbers are the same line."""
    pattern, number = re.escape(explanation).replace("…", ".*"), r"\d+(\.\d+)?"
    return bool(re.fullmatch(re.sub(number, lambda _: number, pattern), line))


def unexplained(section: str, printed: str) -> list[str]:
    rows = explained(section)
    return [line for line in said(printed) if not any(fits(row, line) for row in rows)]


def never_printed(section: str, printed: str) -> list[str]:
    """Rows about lines that there are no more."""
    lines = said(printed)
    always = [row for row in explained(section) if not row.startswith(INSTEAD)]
    return [row for row in always if not any(fits(row, line) for line in lines)]
