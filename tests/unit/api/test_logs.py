"""Whatever was stored can be read: one record never costs the page."""

import json
from typing import Any

import pytest

from ctlr.api.logs import page_of
from ctlr.logbook.reader import LogPage
from ctlr.logbook.store import Stored

NOW_MS = 1_776_313_714_123


def shown(*payloads: str) -> list[dict[str, Any]]:
    records = [
        Stored(number, "nodered-01", "INFO", NOW_MS, NOW_MS, payload)
        for number, payload in enumerate(payloads)
    ]
    page = json.loads(page_of(LogPage(records, len(records))).model_dump_json())
    lines: list[dict[str, Any]] = page["logs"]
    return lines


@pytest.mark.parametrize(
    "payload",
    [
        '{"message":"done \\ud83d"}',
        '{"message":["\\ud83d",{"\\udc00":"\\udfff"}],"\\ud83d":{"\\ud83d":"\\ud83d"}}',
        '{"a":' + "[" * 900 + "]" * 900 + "}",
        '{"a":' * 900 + "1" + "}" * 900,
        '{"a":NaN,"b":[Infinity,-Infinity,1e999]}',
        '{"a":' + "9" * 4000 + "}",
        '{"ts":[1],"node":{},"level":[],"component":{"a":1},"message":7,"number":"x"}',
    ],
)
def test_no_record_breaks_a_reading(payload: str) -> None:
    lines = shown('{"message":"all well"}', payload, '{"message":"still well"}')
    assert [line["message"] for line in lines][::2] == ["all well", "still well"]


def test_half_a_surrogate_pair_is_written_out() -> None:
    [line] = shown('{"message":"done \\ud83d","a":["\\ude00"]}')
    assert line["message"] == "done \\ud83d"
    assert line["fields"] == {"a": ["\\ude00"]}


def test_what_is_nested_deeply_is_given_as_text() -> None:
    [line] = shown('{"a":' + "[" * 40 + "7" + "]" * 40 + "}")
    text = json.dumps(line["fields"])
    assert '"[[' in text
    assert "7" in text


def test_the_words_of_pino_and_bunyan_are_the_message() -> None:
    [line] = shown('{"level":30,"time":1776313714123,"msg":"hi"}')
    assert line["message"] == "hi"
    [line] = shown('{"message":"ours","msg":"theirs"}')
    assert (line["message"], line["fields"]) == ("ours", {"msg": "theirs"})
