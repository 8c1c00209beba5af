"""File names that are not UTF-8: a card from an old camera, a copy from another system. Pure.

Python hands such bytes through as lone surrogates, which no JSON and no terminal takes. The file is
opened under its own name; people and documents get one that can be written.
"""


def readable_name(name: str) -> str:
    """The name with a replacement mark for each byte that is not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_readable(name: str) -> bool:
    """Whether a name can be written as it is."""
    return readable_name(name) == name
