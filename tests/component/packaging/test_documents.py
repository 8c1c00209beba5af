"""The documents: built as a site without a warning, and what they tell people to type or to write."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.component.packaging.machine import Machine
from typer.main import get_command

from ctlr.cli import app
from ctlr.config import load_settings

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
ZENSICAL = Path(sys.executable).parent / "zensical"
PAGES = sorted(DOCS.rglob("*.md"))
READ = [*PAGES, ROOT / "README.md"]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *kinds: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind in kinds]


@pytest.mark.skipif(not ZENSICAL.exists(), reason="zensical comes with `make docs`")
def test_the_site_is_built_without_a_warning() -> None:
    built = subprocess.run(
        [ZENSICAL, "build", "--strict", "--clean"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        timeout=100,
    )
    assert built.returncode == 0, built.stderr
    site = ROOT / ".cache/site"
    assert "reserve_mb" in (site / "reference/configuration.html").read_text("utf-8")
    assert "field page" in (site / "search.json").read_text("utf-8")


def test_each_page_is_in_the_sites_contents() -> None:
    contents = (ROOT / "zensical.toml").read_text("utf-8")
    pages = [str(page.relative_to(DOCS)) for page in PAGES if page.parent.name != "decisions"]
    assert [page for page in pages if f'"{page}"' not in contents] == []


def test_no_page_leads_out_of_the_site() -> None:
    link = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
    outside = [
        f"{named(page)} -> {target}"
        for page in PAGES
        for target in link.findall(page.read_text("utf-8"))
        if not (page.parent / target).resolve().is_relative_to(DOCS)
    ]
    assert outside == []


SETTINGS = [
    pytest.param(text, id=f"{named(page)}-{number}")
    for page in READ
    for number, text in enumerate(blocks(page, "toml"))
    if "--8<--" not in text
]


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_in_the_pages_are_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    file = tmp_path / "ctlr.toml"
    text = "".join(line.strip() + "\n" for line in text.splitlines())
    assert tomllib.loads(text)
    file.write_text(text)
    monkeypatch.chdir(tmp_path)
    load_settings(file)


def test_each_verb_in_the_pages_is_there() -> None:
    """Of the blocks and of what stands in code font; options of a verb are looked at as well."""
    command = get_command(app)
    verbs = command.commands  # type: ignore[attr-defined] # a group has them
    wrong = []
    for page in READ:
        typed = re.findall(r"`ctlr ([^`]+)`", page.read_text("utf-8"))
        for text in blocks(page, "sh", "console"):
            typed += re.findall(r"^ *(?:\$ )?(?:sudo )?ctlr ([^#\n]+)", text, re.MULTILINE)
        for line in typed:
            words = re.sub(r"^--(?:config|url) \S+ ", "", line).split()
            if words[0].startswith(("-", "[", "VERB")):
                continue
            verb = verbs.get(words[0])
            inner = getattr(verb, "commands", {}).get(words[1]) if len(words) > 1 else None
            options = {name for p in (inner or verb or command).params for name in p.opts}
            given = set(re.findall(r"(?<!\S)--[a-z-]+", " ".join(words[1:])))
            if verb is None or not given <= options | {"--help"}:
                wrong.append(f"{named(page)}: ctlr {line}")
    assert wrong == []


INSTALLING = sorted(
    {
        line.strip()
        for page in READ
        for line in re.findall(r"\./install\.sh ([a-z-][^`#\n]*)", page.read_text("utf-8"))
        if not re.search("/dev/|UUID=|LABEL=|--wheels", line)  # of what is not on this machine
    }
)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
@pytest.mark.parametrize("line", INSTALLING)
def test_the_installer_takes_each_line_of_the_pages(tmp_path: Path, line: str) -> None:
    machine = Machine(tmp_path, ROOT)
    if line.startswith("camera --name"):
        machine.write("/usr/local/lib/systemd/system/ctlr-api.service", "")
        machine.write("/etc/ctlr/ctlr.toml", 'node = "melb-01-ctlr"\n')
    line = line.replace("NAME", "cam-1").replace("PORT", "8081")
    told = machine.run("./install.sh", *line.split(), "--dry-run")
    assert told.status == 0, told
