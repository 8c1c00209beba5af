"""Keep or make the CAN files: every combination of the facts that matter."""

from itertools import product

import pytest

from ctlr.postprocess.can.reuse import (
    CanWork,
    choose_work,
    cut_inputs,
    decodes_again,
    keeps_earlier_cut,
    signal_inputs,
)
from ctlr.postprocess.can.runs import CanRows
from ctlr.postprocess.manifest.can import CanMessage, CanSignals, CanSource
from ctlr.postprocess.manifest.shapes import FileEntry, Manifest
from ctlr.postprocess.manifest.standing import Standing

ROWS = CanRows(first_ms=1, last_ms=9, stretches=(), inputs="rows", until_ms=9)
OTHER_ROWS = CanRows(first_ms=1, last_ms=9, stretches=(), inputs="other rows", until_ms=9)
RAW, ARRIVAL, PARQUET, TABLE = "can_raw.csv", "can_arrival.csv", "can.parquet", "can/Vehicle.csv"
NAMES = (RAW, ARRIVAL, PARQUET, TABLE)


def standing(
    harmed: str | None = None, how: str = "shorter", signals: str | None = "dbc"
) -> Standing:
    """An earlier run's files of 100 bytes each, one of them ``harmed``."""
    decoded = signals and CanSignals(
        databases=("a.dbc",),
        messages=(CanMessage(message="Vehicle", file=TABLE, id="1", frames=1, signals={}),),
        parquet=PARQUET,
        inputs=signal_inputs("hash", signals),
    )
    bus = CanSource(file=RAW, frames=10, arrival_file=ARRIVAL, signals=decoded or None)
    inputs = {RAW: cut_inputs(ROWS)}
    made = Manifest(
        uuid="u",
        folder="u",
        started_at=1,
        stopped_at=9,
        processed_at="",
        sources={"can": bus},
        damaged=(harmed,) if harmed and how == "damaged" else (),
        files=tuple(
            FileEntry(path=name, bytes=100, xxh128="hash", inputs=inputs.get(name, ""))
            for name in NAMES
        ),
    )
    sizes: dict[str, int | None] = dict.fromkeys(NAMES, 100)
    if harmed and how == "silent":
        del sizes[harmed]
    elif harmed and how != "damaged":
        sizes[harmed] = None if how == "gone" else 60
    return Standing(made, sizes)


def test_what_is_to_be_done() -> None:
    hows = ("shorter", "gone", "damaged", "silent")
    for found, databases, signals, harmed, how in product(
        (None, ROWS, OTHER_ROWS), ("", "dbc", "other dbc"), (None, "dbc"), (None, *NAMES), hows
    ):
        case = (found, databases, signals, harmed, how)
        work = choose_work(found, databases, standing(harmed, how, signals))
        if found is None:
            assert work is CanWork.NOTHING, f"{case}: what there was of it stays"
        elif found is OTHER_ROWS or harmed in {RAW, ARRIVAL}:
            assert work is CanWork.CUT, case
        elif not databases:
            assert work is CanWork.NOTHING, f"{case}: what was decoded once stays"
        elif databases != signals or harmed in {PARQUET, TABLE}:
            assert work is CanWork.DECODE, case
        else:
            assert work is CanWork.NOTHING, case


@pytest.mark.parametrize(("found", "work"), [(None, CanWork.NOTHING), (ROWS, CanWork.CUT)])
def test_the_first_run(found: CanRows | None, work: CanWork) -> None:
    assert choose_work(found, "dbc", Standing()) is work


@pytest.mark.parametrize(
    ("rows", "size", "harmed", "how", "kept"),
    [
        (9, 90, None, "", True),
        (10, 90, None, "", False),
        (11, 110, None, "", False),
        (9, 90, ARRIVAL, "gone", True),
        (0, 10, RAW, "damaged", True),
        (9, 99, RAW, "damaged", True),
        (9, 100, RAW, "damaged", False),
        (9, 59, RAW, "shorter", True),
        (9, 90, RAW, "shorter", False),
        (9, 90, RAW, "gone", False),
        (9, 90, RAW, "silent", True),
        (10, 90, RAW, "silent", False),
    ],
)
def test_a_cut_never_takes_the_place_of_one_that_has_more(
    rows: int, size: int, harmed: str | None, how: str, kept: bool
) -> None:
    assert keeps_earlier_cut(rows, size, standing(harmed, how)) is kept


def test_without_an_earlier_cut_there_is_none_to_keep() -> None:
    assert not keeps_earlier_cut(0, 0, Standing())


@pytest.mark.parametrize(
    ("databases", "harmed", "again"),
    [
        ("", None, False),
        ("dbc", None, False),
        ("other dbc", None, True),
        ("dbc", TABLE, True),
        ("other dbc", RAW, False),
    ],
)
def test_an_earlier_cut_that_is_damaged_is_not_decoded(
    databases: str, harmed: str | None, again: bool
) -> None:
    assert decodes_again(databases, standing(harmed, "damaged")) is again
