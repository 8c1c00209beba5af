"""Names of files as a manifest may give them. Pure.

A manifest is read back from a drive that may have been anywhere, and files that it names are
compared, replaced and deleted. So a name is relative, plain and below the session's folder; one
that leads elsewhere makes the manifest none of ours.
"""

from typing import Annotated

from pydantic import AfterValidator


def _check(name: str) -> str:
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise ValueError("a name leads out of the folder")
    return name


Inside = Annotated[str, AfterValidator(_check)]
