"""The rules of CONTRIBUTING.md that a machine can hold."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ctlr"
MODULES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common"}
IMPURE = {"aiohttp", "aiosqlite", "asyncio", "av", "fastapi", "io", "os", "random", "secrets"} | {
    "shutil", "socket", "structlog", "subprocess", "tempfile", "threading", "time"
}  # fmt: skip
MOST_LINES = 400
MOST_TARGETS = 12


def module_docstring(module: Path) -> str:
    return ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_is_short_and_named_for_what_it_does(module: Path) -> None:
    lines = module.read_text("utf-8").count("\n")
    assert lines <= MOST_LINES, f"{lines} lines: split it where its reasons to change differ"
    assert not FORBIDDEN_NAMES & set(re.split(r"[._]", module.stem))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_it_is(module: Path) -> None:
    assert module_docstring(module), "the module docstring is the design note"


PURE = [path for path in MODULES if re.search(r"\bPure\b", module_docstring(path))]


@pytest.mark.parametrize("module", PURE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_pure_module_sees_no_clock_no_disk_and_no_network(module: Path) -> None:
    tree = ast.parse(module.read_text("utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "open"
    assert not imported & IMPURE


def test_folders_of_the_source_are_packages_named_by_the_field() -> None:
    folders = {path.parent for path in MODULES}
    assert [path for path in folders if not (path / "__init__.py").is_file()] == []
    assert not FORBIDDEN_NAMES & {path.name for path in folders}


def test_each_ignored_lint_rule_carries_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text[text.index("[tool.ruff.lint]") : text.index("[tool.mypy]")]
    rules = re.findall(r'^\s+"[A-Z]+\d*",.*$', section, flags=re.MULTILINE)
    assert rules
    assert [rule for rule in rules if not re.search(r"#\s*\S+", rule)] == []


def test_each_inline_exception_carries_its_reason() -> None:
    bare = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?:\[[a-z-]+\]|:\s*[A-Z]+\d+)?\s*$")
    found = [
        f"{module.relative_to(ROOT)}:{number}"
        for module in MODULES
        for number, line in enumerate(module.read_text("utf-8").splitlines(), start=1)
        if bare.search(line)
    ]
    assert found == []


def test_make_prints_its_few_targets() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    documented = re.findall(r"^([a-z-]+):.*## \S", text, flags=re.MULTILINE)
    assert 5 <= len(documented) <= MOST_TARGETS
    assert {"setup", "demo", "test", "check", "bench", "clean"} <= set(documented)
    printed = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True)
    assert [target for target in documented if f"make {target} " not in printed.stdout] == []


def test_python_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["requires-python"] == ">=3.11,<3.14"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert project["tool"]["mypy"]["python_version"] == "3.11"


def test_hooks_run_what_is_installed_and_download_nothing() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"- repo: (\S+)", hooks) == ["local"]


def test_relative_links_of_the_documents_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
    broken = [
        f"{document.relative_to(ROOT)} -> {target}"
        for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in link.findall(document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
