"""Names that exFAT and Windows take."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.manifest.portable import portable_paths


def test_ordinary_names_stay() -> None:
    names = ["phone/gps.csv", "watch/heart_rate.csv", "phone/größe.csv", "phone/.x"]
    assert portable_paths(names) == {name: name for name in names}


def test_illegal_names_get_the_nearest() -> None:
    assert portable_paths(
        ["phone/a:b?.csv", "phone/CON.csv", "phone/end. ", "phone/" + "x" * 300]
    ) == {
        "phone/a:b?.csv": "phone/a_b_.csv",
        "phone/CON.csv": "phone/_CON.csv",
        "phone/end. ": "phone/end",
        "phone/" + "x" * 300: "phone/" + "x" * 200,
    }


def test_case_and_composition_do_not_make_a_difference() -> None:
    names = [
        "phone/GPS.csv",
        "phone/gps.csv",
        "phone/e\u0301.csv",
        "phone/\u00e9.csv",
        "manifest.json",
    ]
    assert list(portable_paths(names, taken=["Manifest.json"]).values()) == [
        "phone/GPS.csv",
        "phone/gps-2.csv",
        "phone/\u00e9.csv",
        "phone/\u00e9-2.csv",
        "manifest-2.json",
    ]


@given(st.lists(st.text(min_size=1, max_size=12).filter(lambda t: "/" not in t), unique=True))
def test_all_different_and_all_legal(names: list[str]) -> None:
    chosen = list(portable_paths(names).values())
    assert len({name.casefold() for name in chosen}) == len(names)
    assert not any(re.search(r'[\x00-\x1f"*:<>?|\\]|[. ]$', name) for name in chosen)
