"""One adapter, read until it fails and again when it is back: python-can's own virtual bus."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import can
import pytest

from ctlr.can.frame import Batch
from ctlr.can.intake import Intake
from ctlr.can.reader import RETRY, read_forever
from ctlr.config import CanBus
from ctlr.kernel.backoff import Backoff
from ctlr.kernel.clock import SystemClock

PATIENCE_S = 20.0


class Reading:
    def __init__(self, bus: CanBus) -> None:
        self.batches: list[Batch] = []
        self.intake = Intake(bus.name, self.batches.append, SystemClock())

    def rows(self) -> list[bytes]:
        data = b"".join(batch.data for batch in self.batches)
        return [row.split(b",", 1)[1] for row in data.splitlines()]


@contextmanager
def reading(bus: CanBus, retry: Backoff = RETRY) -> Iterator[Reading]:
    found, stopping = Reading(bus), threading.Event()
    thread = threading.Thread(target=read_forever, args=(bus, found.intake, stopping, retry))
    thread.start()
    try:
        yield found
    finally:
        stopping.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert not found.intake.connected


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_frames_of_any_adapter_become_rows() -> None:
    with reading(CanBus(name="can0", interface="virtual", channel="reader-1")) as found:
        until(lambda: found.intake.connected)
        with can.Bus("reader-1", "virtual") as sender:
            sender.send(can.Message(arbitration_id=0x1A0, is_extended_id=False, data=b"\x00\xff"))
            sender.send(can.Message(arbitration_id=0x123, data=bytes(8)))
            sender.send(can.Message(arbitration_id=1, is_remote_frame=True, dlc=4))
            sender.send(can.Message(is_error_frame=True))
            until(lambda: found.intake.frames == 3 and found.intake.errors == 1)
    assert found.rows() == [b"1A0,2,00FF", b"00000123,8,0000000000000000", b"00000001,4,"]
    assert (found.intake.off_times, found.intake.lost) == (0, 0)


def test_a_burst_is_kept_whole() -> None:
    with reading(CanBus(name="can0", interface="virtual", channel="reader-2")) as found:
        until(lambda: found.intake.connected)
        with can.Bus("reader-2", "virtual") as sender:
            for number in range(9000):
                sender.send(can.Message(arbitration_id=number, data=b""))
        until(lambda: found.intake.frames == 9000)
    assert found.rows() == [b"%08X,0," % number for number in range(9000)]


@pytest.mark.parametrize(
    ("bus", "says"),
    [
        (CanBus(name="a", interface="socketcan", channel="nocan9"), ""),
        (CanBus(name="a", interface="slcan", channel="/dev/does-not-exist"), "does-not-exist"),
        (CanBus(name="a", interface="no_such_kind", channel="x"), "no_such_kind"),
        (CanBus(name="a", interface="slcan", channel="/dev/null", bitrate=1234), ""),
    ],
)
def test_an_adapter_that_is_not_there_is_said_and_tried_again(bus: CanBus, says: str) -> None:
    with reading(bus, retry=Backoff(0.01, 0.1)) as found:
        until(lambda: found.intake.errors >= 2)
        assert says in (found.intake.problem or "")
        assert found.intake.problem != "not connected yet"
