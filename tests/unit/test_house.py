"""The rules of CONTRIBUTING.md that a machine can hold."""

import ast
import importlib
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
MOST_TARGETS = 14


def of_source(modules: list[Path]) -> list[str]:
    return [str(module.relative_to(SOURCE)) for module in modules]


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {module: ast.parse(module.read_text("utf-8")) for module in MODULES}


def test_modules_are_short_and_named_for_what_they_do() -> None:
    lines = {module: module.read_text("utf-8").count("\n") for module in MODULES}
    too_long = [module for module in MODULES if lines[module] > MOST_LINES]
    assert of_source(too_long) == [], "split where the reasons to change differ"
    vague = [m for m in MODULES if FORBIDDEN_NAMES & set(re.split(r"[._]", m.stem))]
    assert of_source(vague) == []


def test_modules_say_what_they_are(trees: dict[Path, ast.Module]) -> None:
    silent = [module for module, tree in trees.items() if not ast.get_docstring(tree)]
    assert of_source(silent) == [], "the module docstring is the design note"


def test_pure_modules_see_no_clock_no_disk_and_no_network(trees: dict[Path, ast.Module]) -> None:
    pure = {
        module: tree
        for module, tree in trees.items()
        if re.search(r"\bPure\b", ast.get_docstring(tree) or "")
    }
    assert len(pure) > 20
    impure = {m: found for m, tree in pure.items() if (found := reached_by(tree) & IMPURE)}
    assert {str(module.relative_to(SOURCE)): found for module, found in impure.items()} == {}


def reached_by(tree: ast.Module) -> set[str]:
    """The packages that a module imports, and ``io`` where it opens a file."""
    reached = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            reached |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            reached.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            reached |= {"io"} if node.func.id == "open" else set()
    return reached


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


def test_nothing_is_patched_in_tests() -> None:
    patching = re.compile(
        r"monkeypatch\.(?:setattr|delattr)\(|^(?:from|import) unittest", re.MULTILINE
    )
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__) and patching.search(path.read_text("utf-8"))
    ]
    assert found == [], "what a test has to see or change is given as an argument"


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


FILE_NAME = re.compile(
    r".*\.(?:csv|db|dbc|h264|json|mp4|part|mhl|parquet|py|sh|sql|toml|xml|xxh128)", re.IGNORECASE
)
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def module_names() -> dict[str, Path]:
    """Each module under each name that it may be called by: ``plan`` to ``ctlr.postprocess.plan``."""
    found: dict[str, Path] = {}
    for module in MODULES:
        parts = ("ctlr", *module.relative_to(SOURCE).with_suffix("").parts)
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found |= {".".join(parts[first:]): module for first in range(len(parts))}
    return found


def quoted_in(tree: ast.Module) -> set[str]:
    """The dotted names in double backticks, of docstrings and of texts after a name."""
    texts = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    quoted = {name for text in texts for name in re.findall(r"``([^`]+)``", text)}
    return {n for n in quoted if DOTTED.fullmatch(n) and not FILE_NAME.fullmatch(n)}


def names_of(tree: ast.Module) -> set[str]:
    """Everything that a module defines or mentions as a name."""
    kinds = ("name", "id", "attr", "arg")
    found = (getattr(node, kind, None) for node in ast.walk(tree) for kind in kinds)
    return {name for name in found if isinstance(name, str)}


def test_modules_named_in_docstrings_are_there(trees: dict[Path, ast.Module]) -> None:
    modules = module_names()
    names = {module: names_of(tree) for module, tree in trees.items()}
    anywhere = set().union(*names.values())

    def resolves(name: str) -> bool:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            module = modules.get(".".join(parts[:length]))
            if module is not None and set(parts[length:]) <= names[module]:
                return True
        if parts[0] in imported:
            return is_importable(parts)
        return parts[0][0].isupper() and set(parts) <= anywhere  # a class and what it has

    imported = {package for tree in trees.values() for package in reached_by(tree)}
    stale = [
        f"{module.relative_to(SOURCE)}: {name}"
        for module, tree in trees.items()
        for name in sorted(quoted_in(tree))
        if not resolves(name)
    ]
    assert stale == []


def is_importable(parts: list[str]) -> bool:
    found: object = importlib.import_module(parts[0])
    for part in parts[1:]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True
