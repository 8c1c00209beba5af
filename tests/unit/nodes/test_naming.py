"""Who may deliver under a name."""

import pytest

from ctlr.nodes.naming import find_misnaming


@pytest.mark.parametrize(
    ("names", "misnamed", "silenced"),
    [
        ({"a": "a", "b": "b"}, set(), set()),
        ({"a": "b", "b": "a"}, {"a", "b"}, set()),
        ({"a": "x", "b": "b"}, {"a"}, set()),
        ({"a": "b", "b": "b"}, {"a"}, {"a"}),
        ({"a": "x", "b": "x"}, {"a", "b"}, {"b"}),
        ({"a": "b", "b": "x"}, {"a", "b"}, set()),
    ],
    ids=["well", "swapped", "another name", "a copy", "two copies", "moved on"],
)
def test_who_is_misnamed_and_who_must_not_record(
    names: dict[str, str], misnamed: set[str], silenced: set[str]
) -> None:
    found = {name: find_misnaming(name, names) for name in names}
    assert {name for name, what in found.items() if what} == misnamed
    assert {name for name, what in found.items() if what and what[1]} == silenced
