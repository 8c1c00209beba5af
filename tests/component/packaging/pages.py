"""What the pages tell people to type and to write: each line, each settings block, with its page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
READ = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"]
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
PROGRAM = re.compile(
    r"(sudo|ctlr(-[a-z-]+)?|curl|apt(-get)?|make|(sudo )?(\.venv/bin/)?python|pip|uv|script/\S+|"
    r"(\./)?install\.sh|\.venv/\S+|systemctl|journalctl|xxhsum|v4l2-ctl|promtool|sqlite3|chronyc|"
    r"kill|mosquitto\S*|for|cat|echo|printf|mkdir|chmod|sleep)(\s|$)"
)
"""With what a line that is meant for a shell begins."""
_REMARK = re.compile(r"\s+# .*$")


@dataclass(frozen=True)
class Typed:
    """``in_block``: it stands in a block of its own, and not in a sentence."""

    page: str
    line: str
    in_block: bool = True


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *kinds: str) -> list[str]:
    return [text for kind, text in _BLOCK.findall(page.read_text("utf-8")) if kind in kinds]


def sentences(page: Path) -> list[str]:
    """What stands in code font outside of blocks, in the order of the page."""
    found = _CODE.findall(_BLOCK.sub("", page.read_text("utf-8")))
    return [code.replace("\\|", "|") for code in found]


def typed(page: Path) -> list[Typed]:
    """Every line of a page that is meant for a shell, in the order in which it is read."""
    text, found = page.read_text("utf-8"), []
    for match in re.finditer(rf"{_BLOCK.pattern}|{_CODE.pattern}", text, _BLOCK.flags):
        kind, block, code = match.groups()
        if block is not None:
            found += [Typed(named(page), line) for line in _lines(kind, block)]
        elif PROGRAM.match(code) and (" " in code or code.startswith("make")):
            found.append(Typed(named(page), code, in_block=False))
    return found


def _lines(kind: str, block: str) -> Iterator[str]:
    """The commands of a block, each whole on a line of its own and without its remark."""
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    if kind == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    elif kind != "sh":
        return
    for line in lines:
        if line and not line.startswith("#"):
            yield _REMARK.sub("", line)
