"""Whether cameras are who the rig takes them for. Pure.

A camera of ours delivers into the folder of the name that it calls itself by. One that calls itself
otherwise than the rig does (two cards were swapped) is recorded all the same: its data comes,
under the other name. Two that call themselves the same (a card was copied) would overwrite each
other's segments, so only one of them is started: the one that the rig knows by that name, or
else the first.
"""

from collections.abc import Mapping


def owner_of(called: str, names: Mapping[str, str]) -> str | None:
    """The camera that may deliver under a name. ``names``: what each camera calls itself, by its
    name in the rig; one that has not said, or does not say, goes by that."""
    claimants = [name for name, claimed in names.items() if claimed == called]
    return called if called in claimants else next(iter(claimants), None)


def find_misnaming(name: str, names: Mapping[str, str]) -> tuple[str, bool] | None:
    """What is wrong with a camera's own name, as the rest of a sentence, and whether it must
    therefore not record; None when all is well."""
    called = names[name]
    owner = owner_of(called, names)
    if owner != name:
        text = (
            f"calls itself {called!r}, as {owner} does: their segments would overwrite each other, "
            "so it does not record. Give it a name of its own (node = ... in its configuration)"
        )
        return text, True
    if called != name:
        text = (
            f"calls itself {called!r}: its segments come under that name and are missing from "
            f"{name}. Give it the name {name} (node = ... in its configuration), or use its own "
            "in the controller's"
        )
        return text, False
    return None
