from ctlr.camera.delivery import (
    BATCH_FILES,
    POLL,
    RETRY,
    UNLISTED_S,
    count_segments,
    judge,
    next_batch,
    segments_unsent,
)
from ctlr.camera.finished import FinishedFile, delivery_order
from ctlr.nodes.messages import DurableFile

ROWS = FinishedFile("seg_0000.frames.csv", 90, "aa")
VIDEO = FinishedFile("seg_0000.mp4", 900, "bb")


def _durable(file: FinishedFile, **other: object) -> DurableFile:
    listed = {"name": file.name, "size": file.size, "xxh128": file.xxh128}
    return DurableFile.model_validate(listed | other)


def test_only_what_is_listed_with_the_same_size_and_hash_is_confirmed() -> None:
    verdict = judge([ROWS, VIDEO], [_durable(VIDEO)], {ROWS: 0, VIDEO: 0}, now=1)
    assert verdict.confirmed == [VIDEO]
    assert verdict.damaged == []


def test_another_hash_or_size_means_that_the_copy_is_damaged() -> None:
    sent = {ROWS: 0.0, VIDEO: 0.0}
    listed = [_durable(ROWS, size=89), _durable(VIDEO, xxh128="cc")]
    assert judge([ROWS, VIDEO], listed, sent, now=1).damaged == [ROWS, VIDEO]


def test_a_file_that_was_not_sent_yet_is_sent_anyway() -> None:
    listed = [_durable(VIDEO, xxh128="cc")]
    verdict = judge([VIDEO], listed, {}, now=1)
    assert (verdict.confirmed, verdict.damaged) == ([], [])


def test_a_file_that_is_never_listed_is_sent_again_after_a_while() -> None:
    sent = {VIDEO: 100.0}
    assert judge([VIDEO], [], sent, now=100 + UNLISTED_S).damaged == []
    assert judge([VIDEO], [], sent, now=101 + UNLISTED_S).damaged == [VIDEO]


def test_a_sent_file_that_is_absent_at_the_controller_is_sent_again_at_once() -> None:
    verdict = judge([ROWS, VIDEO], [], {VIDEO: 100.0}, now=101, absent=[ROWS.name, VIDEO.name])
    assert (verdict.confirmed, verdict.damaged) == ([], [VIDEO])


def test_a_file_that_is_no_longer_on_the_card_is_not_asked_for() -> None:
    verdict = judge([], [_durable(VIDEO)], {VIDEO: 0}, now=1)
    assert (verdict.confirmed, verdict.damaged) == ([], [])


def test_batches_are_bounded_and_in_order() -> None:
    files = [FinishedFile(f"seg_{n:04d}.mp4", 1, "") for n in range(2 * BATCH_FILES)]
    assert next_batch(files, {}) == files[:BATCH_FILES]
    assert next_batch(files, dict.fromkeys(files[:-1], 0.0)) == files[-1:]
    assert next_batch(files, dict.fromkeys(files, 0.0)) == []


def test_a_file_made_again_under_its_old_name_is_sent_again() -> None:
    old, new = FinishedFile("events.json", 5, "aa"), FinishedFile("events.json", 9, "bb")
    assert next_batch([new], {old: 0.0}) == [new]
    verdict = judge([new], [_durable(old)], {old: 0.0}, now=1)
    assert (verdict.confirmed, verdict.damaged) == ([], [])


def test_a_segment_counts_once_and_until_both_its_files_are_sent() -> None:
    assert count_segments([ROWS, VIDEO, FinishedFile("events.json", 5, "cc")]) == 1
    assert segments_unsent([ROWS, VIDEO], {ROWS: 0}) == 1
    assert segments_unsent([ROWS, VIDEO], {ROWS: 0, VIDEO: 0}) == 0


def test_delivery_order_is_by_number_with_frame_times_first() -> None:
    names = ["seg_10000.mp4", "seg_9999.mp4", "seg_9999.frames.csv", "clock.csv"]
    assert sorted(names, key=delivery_order) == [
        "clock.csv",
        "seg_9999.frames.csv",
        "seg_9999.mp4",
        "seg_10000.mp4",
    ]


def test_waits_grow_to_a_limit() -> None:
    assert [RETRY.delay_s(n) for n in (1, 2, 3, 6, 10_000)] == [1, 2, 4, 30, 30]
    assert [POLL.delay_s(n) for n in (1, 2, 3, 4, 10_000)] == [2, 4, 8, 15, 15]
