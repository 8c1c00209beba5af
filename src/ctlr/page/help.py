"""The how-to pages of the documentation, on the controller itself: read where there is no internet."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded by the first who asks for help: the controller starts without it
    from markdown_it.token import Token

HERE = Path(__file__).parent
INSTALLED, IN_SOURCE = HERE / "docs", HERE.parents[2] / "docs" / "how-to"
FIRST = ("field-page", "find-trouble", "eject-and-swap-the-drive", "add-a-camera")
"""What is looked for in a field, before the others."""


@dataclass(frozen=True)
class HelpPage:
    name: str
    title: str
    html: str


@cache
def help_pages() -> dict[str, HelpPage]:
    """By name, in the order in which they are listed."""
    folder = INSTALLED if INSTALLED.is_dir() else IN_SOURCE
    names = sorted(path.stem for path in folder.glob("*.md"))
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return {name: _page(name, (folder / f"{name}.md").read_text("utf-8"), names) for name in names}


def _page(name: str, text: str, names: list[str]) -> HelpPage:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    title = next(
        (tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "heading_open"), name
    )
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            before.attrSet("id", _slug(token.content))
        if token.type == "table_open":
            token.attrSet("class", "prose-table")
        _turn_links(token.children or [], names)
    return HelpPage(name, title, str(parser.renderer.render(tokens, parser.options, {})))


def _turn_links(tokens: "list[Token]", names: list[str]) -> None:
    """Links to pages that are here lead there; those to others become plain words. Pictures are of
    this page, which the reader has in hand."""
    ends: list[bool] = []
    for token in tokens:
        if token.type == "image":
            token.type, token.content = "text", ""
        elif token.type == "link_open":
            target = _target(str(token.attrGet("href")), names)
            ends.append(target is None)
            if target is None:
                token.type, token.tag, token.attrs = "em_open", "em", {}
            else:
                token.attrSet("href", target)
        elif token.type == "link_close" and ends.pop():
            token.type, token.tag = "em_close", "em"


def _target(href: str, names: list[str]) -> str | None:
    path, _, part = href.partition("#")
    if not path:
        return f"#{part}"
    if path.endswith(".md") and path.removesuffix(".md") in names:
        return f"/help/{path.removesuffix('.md')}{f'#{part}' if part else ''}"
    return None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
