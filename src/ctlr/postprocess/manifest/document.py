"""``manifest.json`` as text: one pair of functions that read and write it. Pure.

Most of who opens it are people and their scripts. So it begins with a ``summary`` in words, and
what only the next run needs (what each file was made of, what the record said then) stands under
one key at its end, ``next_run``: a string by JSON pointer (RFC 6901) to where it belongs. A
manifest of the first release has these strings in their places, and reads as well. ``read``
accepts manifests of later versions; those of earlier tools list no hashes and are not ours to
change.
"""

import json
from collections.abc import Iterator
from typing import Any

from ctlr.kernel.ids import is_session_id
from ctlr.postprocess.manifest.shape import Shape
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.postprocess.manifest.summarize import iso_or_none, summarize

MOST_BYTES = 64 << 20
MOST_VALUES = 1_500_000
"""A hundred hours of eight cameras. What it costs to read grows with these, not with bytes."""
_BETWEEN_VALUES = (b",", b"[", b"{")
NEXT_RUN = "next_run"
_FOR_NEXT_RUN = frozenset({"inputs", "measured"})
"""Keys of shapes."""
_ABOUT = (
    "What the next run needs to tell what has changed: strings by JSON pointer to the part of the "
    "manifest that they are about. Nothing of the session itself."
)


def read(data: bytes) -> Manifest:
    """A manifest from its bytes. Raises ``ValueError`` when it is none, or speaks of more than any
    of ours would."""
    if sum(map(data.count, _BETWEEN_VALUES)) > MOST_VALUES:
        raise ValueError("a manifest has too many values")
    try:
        document = json.loads(data)
    except RecursionError:
        raise ValueError("a manifest goes too deep") from None
    if isinstance(document, dict):
        told = document.pop(NEXT_RUN, {})
        for pointer, text in told.items() if isinstance(told, dict) else ():
            _put_back(document, pointer, text)
    manifest = Manifest.model_validate_json(json.dumps(document))
    if not is_session_id(manifest.uuid):
        raise ValueError("a manifest names no session")
    return manifest


def write(manifest: Manifest) -> bytes:
    """The bytes of ``manifest.json``: one line a key, so that a person can read it."""
    document = _derived(manifest).model_dump(mode="json")
    told = {}
    for path in list(_paths(manifest, ())):
        parent = _follow(document, path[:-1])
        told["/" + "/".join(map(_escape, path))] = parent.pop(path[-1])
    document[NEXT_RUN] = told
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _derived(manifest: Manifest) -> Manifest:
    """The manifest with what follows from it as it is now."""
    times = {"start_time": manifest.started_at, "end_time": manifest.stopped_at}
    said = {key: iso_or_none(ms) for key, ms in times.items()}
    return manifest.model_copy(update={"summary": summarize(manifest), **said})


def _paths(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Where the strings for the next run stand, as the shapes say: names of people's own are none."""
    if isinstance(value, Shape):
        for name in type(value).model_fields:
            if name in _FOR_NEXT_RUN:
                yield (*path, name)
            else:
                yield from _paths(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _paths(one, (*path, key))
    elif isinstance(value, tuple):
        for number, one in enumerate(value):
            yield from _paths(one, (*path, number))


def _put_back(document: dict[str, Any], pointer: str, text: object) -> None:
    """Raises ``ValueError`` where there is no such part."""
    path = [_unescape(part) for part in pointer.removeprefix("/").split("/")]
    try:
        _follow(document, path[:-1])[path[-1]] = text
    except (KeyError, IndexError, TypeError, ValueError):
        raise ValueError(f"{NEXT_RUN} speaks of {pointer}, which is not there") from None


def _follow(document: Any, path: list[str] | tuple[str | int, ...]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a manifest as this release writes it."""
    schema = Manifest.model_json_schema(mode="serialization")
    for shape in (schema, *schema["$defs"].values()):
        for key in _FOR_NEXT_RUN & shape.get("properties", {}).keys():
            del shape["properties"][key]
            if key in shape.get("required", ()):
                shape["required"].remove(key)
    schema["properties"][NEXT_RUN] = {
        "additionalProperties": {"type": ["string", "null"]},
        "description": _ABOUT,
        "title": "Next Run",
        "type": "object",
    }
    schema.setdefault("required", []).append(NEXT_RUN)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))  # noqa: T201 - writes the committed schema
