"""Databases as strangers have them: at fault in one place, in any encoding, in any format."""

from pathlib import Path

import pytest

from ctlr.postprocess.can.database import group_of, load
from ctlr.postprocess.can.database_file import DatabaseFile, decode_text, read_database
from ctlr.postprocess.can.dbc import read_dbc
from ctlr.simulator.can import DATABASE

HEAD = 'VERSION ""\n\nNS_ :\n\nBS_:\n\nBU_: E\n\n'
GOOD = 'BO_ 256 Good: 8 E\n SG_ a : 0|8@1+ (1,0) [0|0] "" E\n\n'
KCD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document name="x"/>'
    '<Bus name="B">{}</Bus></NetworkDefinition>'
)
KCD_MESSAGE = (
    '<Message id="{}" name="{}" length="8"><Signal name="s" offset="0" length="{}"/></Message>'
)
SYM = 'FormatVersion=6.0 // Do not edit this line!\nTitle="x"\n\n{SEND}\n\n'


def read(tmp_path: Path, text: str, name: str = "v.dbc") -> DatabaseFile:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return read_database(file)


@pytest.mark.parametrize(
    ("statement", "signals"),
    [
        ('BO_ 512 2017_5: 8 E\n SG_ 0_COUNTER : 0|4@1+ (1,0) [0|0] "" E\n', {"2017_5": ["0_COUNTER"]}),
        ('BO_ 512 New: 8 E\n SG_ torque : 4|13@0+ (.25,-500) [0|0] "Nm" E\n', {"New": ["torque"]}),
        ('BO_ 512 New: 8 E\n SG_ a : 0|0@1+ (1,0) [0|0] "" E\n SG_ b : 0|4@1+ (1,0) [0|0] "" E\n',
         {"New": ["b"]}),
        ('CM_ SG_ 304 "of what";\n', {}),
        ('CM_ "never ended\n', {}),
        ('VAL_ 256 gone 0 "off" 1 "on" ;\n', {}),
        ('BA_DEF_ BO_ "Odd" BOOL False True;\n', {}),
        ('BO_ 4294967295 TooLong: 8 E\n SG_ a : 0|4@1+ (1,0) [0|0] "" E\n', {}),
        ('BO_ 512 Half: 8 E\n SG_ a : 0|8@1- (1,0) [0|0] "" E\nSIG_VALTYPE_ 512 a : 1;\n',
         {"Half": []}),
    ],
)  # fmt: skip
def test_one_bad_statement_costs_itself(
    tmp_path: Path, statement: str, signals: dict[str, list[str]]
) -> None:
    found = read(tmp_path, HEAD + statement + GOOD)
    assert found.refused is None
    assert {m.name: [s.name for s in m.signals] for m in found.messages} == {
        **signals,
        "Good": ["a"],
    }
    assert found.problems


def test_an_identifier_that_is_too_long_for_a_standard_one_is_extended(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "BO_ 274923520 Door: 8 E\n" + GOOD)
    assert [(m.frame_id, m.extended) for m in found.messages] == [
        (0x10630000, True),
        (0x100, False),
    ]
    assert any("taken as such" in problem for problem in found.problems)


EVERYTHING = (
    HEAD
    + """BO_ 2147483649 Wide: 16 E
 SG_ Chooser M : 0|4@1+ (1,0) [0|0] "" E
 SG_ Deeper m1M : 7|4@0+ (1,0) [0|0] "" E
 SG_ Bottom m2 : 15|12@0- (0.5,-3e2) [0|1] "km/h" E,F
 SG_ Wide_0000 m3 : 64|32@1- (1,0) [0|0] "" Vector__XXX
BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX
 SG_ Nowhere : 0|8@1+ (1,0) [0|0] "" Vector__XXX
CM_ SG_ 2147483649 Bottom "two lines
BO_ 7 NotOne: 8 E";
BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BA_DEF_DEF_ "SystemSignalLongSymbol" "";
BA_ "SystemSignalLongSymbol" SG_ 2147483649 Wide_0000 "WideNameThatIsLongerThanNamesMayBe";
SIG_VALTYPE_ 2147483649 Wide_0000 : 1;
SG_MUL_VAL_ 2147483649 Deeper Chooser 1-1, 4-6;
SG_MUL_VAL_ 2147483649 Bottom Deeper 2-2;
SG_MUL_VAL_ 2147483649 Wide_0000 Chooser 3-3;
"""
)


@pytest.mark.parametrize("text", [EVERYTHING, DATABASE.read_text()])
def test_both_readers_find_the_same_where_both_can(tmp_path: Path, text: str) -> None:
    library = read(tmp_path, text)
    assert library.problems == ()
    own, problems = read_dbc(text)
    assert tuple(own) == library.messages
    assert problems == []


def test_a_bad_message_of_kcd_costs_itself(tmp_path: Path) -> None:
    messages = [KCD_MESSAGE.format(number, f"M{number}", 8) for number in range(5)]
    messages[3] = KCD_MESSAGE.format("three", "Bad", 8)
    messages.append(KCD_MESSAGE.format(0x18FF0000, "Long", 8))
    found = read(tmp_path, KCD.format("".join(messages)), "v.kcd")
    assert [m.name for m in found.messages if not m.extended] == ["M0", "M1", "M2", "M4"]
    assert [m.name for m in found.messages if m.extended] == ["Long"]
    assert any("Bad is left out" in problem for problem in found.problems)


def test_a_bad_message_of_sym_costs_itself(tmp_path: Path) -> None:
    bad = "[Bad]\nID=101h\nLen=8\nVar=v unsigned 0,0\n\n"
    good = '["A/=*"]\nID=102h\nLen=8\nVar=v unsigned 0,8\n\n'
    found = read(tmp_path, SYM + bad + good, "v.sym")
    assert [m.name for m in found.messages] == ["A/=*"]
    assert any("Bad is left out" in problem for problem in found.problems)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_units_are_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "v.dbc"
    text = HEAD + 'BO_ 256 Heat: 8 E\n SG_ t : 0|8@1+ (1,0) [0|0] "°C" E\n'
    file.write_bytes(text.encode(encoding))
    [message] = read_database(file).messages
    assert message.signals[0].unit == "°C"


def test_bytes_that_no_encoding_has_are_still_text() -> None:
    assert decode_text(b"\x81\xb0C") == "\x81°C"
    assert (
        decode_text("<?xml version='1.0' encoding='iso-8859-15'?>€".encode("iso-8859-15"))[-1]
        == "€"
    )


@pytest.mark.parametrize(
    ("frame_id", "group"),
    [(0x0CF00400, 0xF004), (0x18FEF1FE, 0xFEF1), (0x18EA0021, 0xEA00), (0x18EAFF21, 0xEA00),
     (0x19F80103, 0x1F801)],
)  # fmt: skip
def test_the_parameter_group_of_an_identifier(frame_id: int, group: int) -> None:
    assert group_of(frame_id) == group


J1939_ID = 0x80000000 | 0x18FEF100
BY_FORMAT = (
    f'BO_ {J1939_ID} Cruise: 8 E\n SG_ a : 0|8@1+ (1,0) [0|0] "" E\n'
    'BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";\n'
    'BA_DEF_DEF_ "VFrameFormat" "ExtendedCAN";\n'
)


@pytest.mark.parametrize(
    ("more", "known"),
    [
        (f'BA_ "VFrameFormat" BO_ {J1939_ID} 3;\n', True),
        (f'BA_ "VFrameFormat" BO_ {J1939_ID} 1;\n', False),
        ("", False),
    ],
)
def test_groups_are_looked_up_where_the_database_says_so(
    tmp_path: Path, more: str, known: bool
) -> None:
    file = tmp_path / "v.dbc"
    file.write_text(HEAD + BY_FORMAT + more)
    database = load([file])
    assert database.problems == ()
    assert (database.of(0x0CFEF117, True) is not None) is known
    assert database.of(0x18FEF100, True) is not None


def test_a_group_of_several_messages_says_nothing_of_other_senders(tmp_path: Path) -> None:
    bus = 'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "J1939";\n'
    two = "".join(
        f'BO_ {0x98FF0000 + sender} From{sender}: 8 E\n SG_ a : 0|8@1+ (1,0) [0|0] "" E\n'
        for sender in (1, 2)
    )
    file = tmp_path / "v.dbc"
    file.write_text(HEAD + two + bus)
    database = load([file])
    found = database.of(0x18FF0001, True)
    assert found is not None
    assert found.name == "From1"
    assert database.of(0x18FF0003, True) is None


def test_what_nothing_can_be_made_of_is_unreadable(tmp_path: Path) -> None:
    bad = tmp_path / "bad.kcd"
    bad.write_text("<not")
    found = load([tmp_path / "absent.dbc", bad])
    assert [text.split()[0] for text in found.unreadable] == ["absent.dbc", "bad.kcd"]
    assert found.unreadable == found.problems
