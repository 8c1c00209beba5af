import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import (
    RESERVED_NODE_NAMES,
    is_node_name,
    is_session_id,
    new_session_id,
    parse_session_id,
    parse_session_prefix,
    the_only_one,
)


@given(st.uuids())
def test_every_uuid_is_a_session_id_in_lower_case(value: uuid.UUID) -> None:
    assert parse_session_id(str(value)) == parse_session_id(str(value).upper()) == str(value)


@given(st.text(max_size=60))
def test_whatever_else_is_refused(text: str) -> None:
    assert not is_session_id(text)
    with pytest.raises(Refusal) as refused:
        parse_session_id(text)
    assert refused.value.code == "invalid_uuid"


@pytest.mark.parametrize(
    "text",
    [
        "{3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f}",
        "urn:uuid:3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f",
        "3f2b8c1e9d4a4c6b8f0e1a2b3c4d5e6f",
        "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f\n",
        "३f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f",
    ],
)
def test_other_forms_of_a_uuid_are_refused(text: str) -> None:
    with pytest.raises(Refusal):
        parse_session_id(text)


def test_the_stored_form_is_lower_case() -> None:
    assert is_session_id(new_session_id())
    assert not is_session_id(new_session_id().upper().replace("0", "A"))


@pytest.mark.parametrize("name", ["melb-01-cam-01", "a", "0", "x" * 63, "a--b"])
def test_node_names(name: str) -> None:
    assert is_node_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "A", "a.b", "a_b", "x" * 64, "a\n", "é", "../a", *sorted(RESERVED_NODE_NAMES)],
)
def test_what_is_no_node_name(name: str) -> None:
    assert not is_node_name(name)


@given(st.uuids(), st.integers(1, 36))
def test_every_beginning_of_an_id_is_one(value: uuid.UUID, length: int) -> None:
    begins = str(value)[:length]
    assert parse_session_prefix(begins.upper()) == begins
    assert the_only_one(begins, [str(value)], "here") == str(value)


@pytest.mark.parametrize("text", ["", "3g", "3f2b8c1e9", "-3f2b", "%", "3f2b ", "İ", "a" * 37])
def test_what_no_id_begins_with(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_session_prefix(text)
    assert refused.value.code == "invalid_uuid"


def test_one_session_is_meant_or_none() -> None:
    one, other = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f", "3f2b8c1e-9d4a-4c6b-8f0e-000000000000"
    assert the_only_one(one, [other, one], "here") == one
    with pytest.raises(Refusal) as none:
        the_only_one("3f2b", [], "on the drive")
    assert none.value.code == "unknown_session"
    assert "on the drive" in none.value.detail
    with pytest.raises(Refusal) as several:
        the_only_one("3f2b", [other, one], "here")
    assert several.value.code == "ambiguous_session"
    assert other in several.value.detail
