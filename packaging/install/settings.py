"""What the installer reads and changes in a ``ctlr.toml``, before anything of ctlr is there.

    settings.py get FILE KEY [DEFAULT]      prints the value, or the default
    settings.py set FILE KEY=VALUE...       prints the file's text with these values in it, or
                                            nothing where all are so already

A KEY is ``node`` or ``section.key``; a VALUE is text, or a number where it is nothing but digits
and the key is ``port``. A line that somebody has written is changed where it stands, and keeps its
remark; a key that is missing is added. The result is read back: unless exactly these values have
changed, nothing is printed, the keys are named on standard error, and the exit code is 1.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

_HEADER = re.compile(r"\s*\[")


class Unchangeable(Exception):
    """The text is no TOML, or these keys stand in it in a way that cannot be changed."""


def read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unchangeable(f"is not TOML: {error}") from error


def value_of(values: dict[str, Any], key: str) -> Any:
    """The value of a dotted key, or None."""
    section, dot, name = key.rpartition(".")
    inside = values.get(section) if dot else values
    return inside.get(name) if isinstance(inside, dict) else None


def with_value(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    section, dot, name = key.rpartition(".")
    if not dot:
        return values | {name: value}
    return values | {section: values.get(section, {}) | {name: value}}


def changed(text: str, wanted: dict[str, Any]) -> str:
    """The text with these values, "" where it has them. Raises ``Unchangeable``."""
    before = expected = read(text)
    wanted = {key: value for key, value in wanted.items() if value_of(before, key) != value}
    if not wanted:
        return ""
    lines = text.splitlines()
    for key, value in wanted.items():
        lines = _with_line(lines, key, value)
        expected = with_value(expected, key, value)
    result = "\n".join(lines) + "\n"
    try:
        after = read(result)
    except Unchangeable:
        after = {}
    if after != expected:
        told = ", ".join(f"{key} = {json.dumps(value)}" for key, value in wanted.items())
        raise Unchangeable(f"cannot be changed by a program. Set these keys in it: {told}")
    return result


def _with_line(lines: list[str], key: str, value: Any) -> list[str]:
    section, _, name = key.rpartition(".")
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?$")
    line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
    start = 0
    if section:
        start = next((n + 1 for n, text in enumerate(lines) if header.match(text)), -1)
        if start < 0:
            return [*lines, "", f"[{section}]", line]
    end = next((n for n in range(start, len(lines)) if _HEADER.match(lines[n])), len(lines))
    old = re.compile(rf"""\s*{re.escape(name)}\s*=\s*("[^"\\]*"|'[^']*'|[\w.]+)(\s*#.*)?\s*$""")
    for number in range(start, end):
        if found := old.match(lines[number]):
            return [*lines[:number], line + (found[2] or ""), *lines[number + 1 :]]
    return [*lines[:start], line, *lines[start:]]


def main(verb: str, file: str, *words: str) -> int:
    try:
        text = Path(file).read_text("utf-8-sig")
        if verb == "get":
            found = value_of(read(text), words[0])
            print(found if found is not None else "".join(words[1:]))
            return 0
        pairs = (word.split("=", 1) for word in words)
        wanted = {key: int(v) if key.endswith("port") and v.isdigit() else v for key, v in pairs}
        sys.stdout.write(changed(text, wanted))
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file} cannot be read: {error}", file=sys.stderr)
        return 1
    except Unchangeable as error:
        print(f"{file} {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
