"""Files and headings of any message and signal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.can.naming import file_names, headings, labels
from ctlr.postprocess.can.signals import Message, Signal


def signal(name: str, page: int | None = None) -> Signal:
    pages = frozenset() if page is None else frozenset([page])
    return Signal(name, 0, 8, False, False, False, 1, 0, page_of="Mux", pages=pages)


def message(name: str, frame_id: int = 1, extended: bool = False, *signals: Signal) -> Message:
    return Message(name, frame_id, extended, 8, signals)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Wheels", "can/Wheels.csv"),
        ("Engine/Speed", "can/Engine_Speed.csv"),
        ("../up", "can/_.._up.csv"),
        ("A,B", "can/A_B.csv"),
        ('say "x"', "can/say _x_.csv"),
        ("", "can/_.csv"),
        ("con", "can/_con.csv"),
        ("Motordrehzahl ü", "can/Motordrehzahl ü.csv"),
        ("字" * 100, f"can/{'字' * 50}.csv"),
    ],
)
def test_a_message_has_a_legal_file(name: str, file: str) -> None:
    assert list(file_names([message(name)]).values()) == [file]


def test_messages_of_one_name_are_told_apart() -> None:
    same = [message("Status", 0x10), message("Status", 0x10, True), message("status", 0x11)]
    assert list(file_names(same).values()) == [
        "can/Status_10.csv",
        "can/Status_00000010.csv",
        "can/status.csv",
    ]
    assert list(labels(same).values()) == ["Status_10", "Status_00000010", "status"]


def test_signals_of_one_name_have_their_page() -> None:
    names = [signal("Mux"), signal("Value", 0), signal("Value", 1), signal("Tail")]
    assert headings(message("Dup", 1, False, *names)) == ["Mux", "Value_m0", "Value_m1", "Tail"]


def test_headings_are_not_those_of_the_other_columns() -> None:
    names = [signal("bus"), signal("id"), signal("a,b"), signal("a;b"), signal(" "), signal('"')]
    assert headings(message("Odd", 1, False, *names)) == [
        *("bus_2", "id_2", "a_b", "a_b_2", "signal", "_"),
    ]


NAMES = st.lists(st.text(max_size=300), min_size=1, max_size=8)


@given(NAMES)
def test_any_names_give_unique_files_and_headings(names: list[str]) -> None:
    messages = [message(name, number) for number, name in enumerate(names)]
    files = list(file_names(messages).values())
    assert len({file.casefold() for file in files}) == len(names)
    for file in files:
        folder, name = file.split("/")
        assert folder == "can"
        assert not name.startswith(".")
        assert len(name.encode()) < 255
    found = headings(message("Any", 1, False, *map(signal, names)))
    assert len(set(found)) == len(names)
    assert not any(set(heading) & set(',";\r\n') for heading in found)
