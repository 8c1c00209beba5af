"""What is served: everything that a page names is there, and the vendor's files are the vendor's."""

import gzip
import re
from hashlib import sha256
from pathlib import Path

import pytest

from ctlr.page import static
from ctlr.page.help import help_pages
from ctlr.page.paint import policy

ROOT = Path(__file__).parents[3]
VENDORS = [ROOT / "src" / "ctlr" / "page" / "vendor", ROOT / "tests" / "vendor"]
TEMPLATES = ROOT / "src" / "ctlr" / "page" / "templates"
SCREENS = [path.stem for path in TEMPLATES.glob("*.html") if path.stem not in ("base", "parts")]
MODULES = [path for path in static.assets() if path.startswith("js/")]


@pytest.mark.parametrize("folder", VENDORS, ids=lambda folder: folder.parts[-2])
def test_the_vendor_s_files_are_those_that_are_named(folder: Path) -> None:
    named = re.findall(r"^([0-9a-f]{64})  (\S+)$", (folder / "VERSIONS").read_text(), re.MULTILINE)
    assert named
    assert [name for known, name in named if known != _hash(folder / name)] == []
    code = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css")}
    assert code == {name for _, name in named}
    assert list(folder.glob("*LICENSE"))


def test_every_screen_has_its_module() -> None:
    assert [screen for screen in SCREENS if f"js/{screen}.js" not in static.assets()] == []
    assert len(SCREENS) > 6


@pytest.mark.parametrize("module", MODULES)
def test_every_import_leads_somewhere(module: str) -> None:
    assert set(static.needed_by(module)) <= static.assets().keys()
    text = static.assets()[module].data.decode()
    named = re.findall(r"""(?:from|import\()\s*['"]([^'"]+)['"]""", text)
    assert [name for name in named if not name.startswith("ctlr/")] == []


def test_every_module_is_needed_by_a_screen() -> None:
    needed = {path for screen in SCREENS for path in static.needed_by(f"js/{screen}.js")}
    assert set(MODULES) - needed == set()


def test_modules_are_short() -> None:
    lines = {path: static.assets()[path].data.count(b"\n") for path in MODULES}
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_nothing_of_a_page_leads_off_the_rig() -> None:
    ours = [path for path in static.assets() if path.startswith(("js/", "css/"))]
    texts = [static.assets()[path].data.decode() for path in ours]
    texts += [path.read_text("utf-8") for path in TEMPLATES.glob("*.html")]
    assert [found for text in texts for found in re.findall(r"https?://[^\s'\"<]+", text)] == []
    assert "'unsafe-inline'" not in policy()


def test_a_file_is_the_same_packed() -> None:
    for asset in static.assets().values():
        assert gzip.decompress(asset.packed) == asset.data


def test_the_how_to_pages_are_here_and_lead_to_each_other() -> None:
    pages = help_pages()
    assert list(pages)[:2] == ["field-page", "find-trouble"]
    assert pages["find-trouble"].title == "Find what is wrong"
    links = re.findall(r'href="([^"]+)"', "".join(page.html for page in pages.values()))
    lost = []
    for link in links:
        path, _, part = link.removeprefix("/help/").partition("#")
        html = pages[path].html if path in pages else ""
        if not link.startswith("/help/") or (part and f'id="{part}"' not in html):
            lost.append(link)
    assert links
    assert lost == []


def test_help_is_text_and_no_script() -> None:
    html = "".join(page.html for page in help_pages().values())
    assert "<script" not in html
    assert "javascript:" not in html
    assert "<img" not in html


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
