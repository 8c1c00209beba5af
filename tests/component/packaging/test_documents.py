"""The documents: built as a site without a warning, and what they tell people to type or to write."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.component.packaging.pages import DOCS, PAGES, READ, ROOT, blocks, named, sentences
from typer.main import get_command

from ctlr.cli import app
from ctlr.config import Settings

ZENSICAL = Path(sys.executable).parent / "zensical"
DATABASE = ROOT / "src/ctlr/simulator/vehicle.dbc"


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
def test_settings_in_the_pages_are_good(tmp_path: Path, text: str) -> None:
    """As ``ctlr check-config`` says of a file that has nothing else in it."""
    file = tmp_path / "ctlr.toml"
    text = "".join(line.strip() + "\n" for line in text.splitlines())
    assert tomllib.loads(text)
    file.write_text(text.replace("/etc/ctlr/vehicle.dbc", str(DATABASE)))
    told = subprocess.run(
        [sys.executable, "-m", "ctlr", "--config", file, "check-config"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    assert told.stderr == f"The configuration {file} is good.\n"


SECTIONS = [field.annotation for field in Settings.model_fields.values()]
KEYS = set(Settings.model_fields).union(*(getattr(one, "model_fields", ()) for one in SECTIONS))
OF_A_BUS = {
    "listen_only",
    "options",
    "interface",
    "channel",
    "bitrate",
    "fd",
    "host",
    "port",
    "name",
}


def test_each_key_that_a_sentence_sets_is_there() -> None:
    """``key = value`` in a sentence is TOML, and the key is one that the program knows."""
    setting = re.compile(r"[a-z_.]{2,} = (?!\.\.\.)[^…]+")
    said = [(page, code) for page in READ for code in sentences(page) if setting.fullmatch(code)]
    assert len(said) > 8
    assert all(tomllib.loads(code) for _, code in said)
    keys = {code.partition(" = ")[0].rpartition(".")[2] for _, code in said}
    assert keys - KEYS - OF_A_BUS == set()


def verbs_of(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Each verb that is shown, by what is typed; a group only where it does something by itself."""
    for name, verb in getattr(command, "commands", {}).items():
        words = (*path, name)
        if not verb.hidden and getattr(verb, "invoke_without_command", True):
            yield " ".join(words), verb
        yield from verbs_of(verb, *words)


def test_the_reference_has_every_verb_and_each_option_is_there() -> None:
    text = (DOCS / "reference/command-line.md").read_text("utf-8")
    known, said = dict(verbs_of(get_command(app))), set()
    for row in re.findall(r"^\| (`.*?)(?<!\\) \| ", text, re.MULTILINE):
        for code in re.findall(r"`([^`]+)`", row.replace("\\|", "|")):
            first, *rest = code.split()
            one_of = [f"{first} {name}" for name in (rest or [""])[0].split("|")]
            verbs = [path for path in one_of if path in known] or [first]
            options = {name for verb in verbs for p in known[verb].params for name in p.opts}
            assert set(re.findall(r"--[a-z-]+", code)) <= options, code
            said |= set(verbs)
    assert said == set(known)


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
