"""What of the bin is emptied: the copy alone, or all of what a person has said twice."""

from dataclasses import replace

import pytest

from ctlr.retention.bin_plan import DAY_MS, BinnedSession, describe, plan_bin

NOW = 100 * DAY_MS
WEEK_OLD = BinnedSession("u1", NOW - 7 * DAY_MS, copy_bytes=10, raw_bytes=20)
HOUR_MS = DAY_MS // 24
REHEARSED = replace(WEEK_OLD, uuid="r", everything=True, is_rehearsal=True)
FRESH = replace(WEEK_OLD, uuid="u2", binned_at_ms=NOW - DAY_MS)


@pytest.mark.parametrize(
    ("session", "short", "reason"),
    [
        (WEEK_OLD, 0, None),
        (FRESH, 0, "it can be taken out for 6.0 more days"),
        (FRESH, 1, None),
        (replace(WEEK_OLD, raw_bytes=0), 1, "its raw data is gone, so its folder is the only copy"),
        (replace(WEEK_OLD, raw_bytes=0, everything=True), 0, None),
        (replace(WEEK_OLD, copy_bytes=0, everything=True), 0, None),
        (replace(WEEK_OLD, copy_bytes=0), 0, "nothing of it is left that may go"),
        (
            replace(WEEK_OLD, copy_bytes=0, raw_bytes=0, everything=True),
            0,
            "nothing of it is left that may go",
        ),
        (replace(WEEK_OLD, is_active=True), 1, "it is being recorded or worked on"),
        (
            replace(WEEK_OLD, everything=True, is_preserved=True),
            1,
            "its raw data was asked to be kept",
        ),
        (replace(WEEK_OLD, is_preserved=True), 0, None),
        (replace(REHEARSED, binned_at_ms=NOW - HOUR_MS), 0, None),
        (
            replace(REHEARSED, binned_at_ms=NOW - HOUR_MS // 2),
            0,
            "it can be taken out for 0.0 more days",
        ),
        (
            replace(REHEARSED, binned_at_ms=NOW - HOUR_MS, is_active=True),
            0,
            "it is being recorded or worked on",
        ),
        (
            replace(REHEARSED, binned_at_ms=NOW - HOUR_MS, is_preserved=True),
            0,
            "its raw data was asked to be kept",
        ),
    ],
)
def test_what_goes_and_why_the_rest_stays(
    session: BinnedSession, short: int, reason: str | None
) -> None:
    plan = plan_bin([session], NOW, 7, short)
    assert plan.empty == (() if reason else (session,))
    assert plan.keep == (((session, reason),) if reason else ())


def test_for_room_no_more_goes_than_is_needed_the_longest_binned_first() -> None:
    days = [replace(FRESH, uuid=f"u{n}", binned_at_ms=NOW - n * DAY_MS) for n in range(1, 5)]
    plan = plan_bin(days, NOW, 7, short_bytes=11)
    assert [session.uuid for session in plan.empty] == ["u4", "u3"]
    assert describe(plan)[0] == "delete  u4  its copy"
    assert describe(plan_bin([], NOW, 7)) == ["The bin is empty."]
