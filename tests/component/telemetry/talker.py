"""A process that publishes numbered records: ``talker.py PORT SPOOL FIRST COUNT``.

Prints ``stored`` once they are in the spool, and then lives until it is killed.
"""

import asyncio
import sys
from pathlib import Path

from ctlr.config import MqttSettings, Settings
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.telemetry.log import configure_logging
from ctlr.telemetry.record import make_record
from ctlr.telemetry.sink import Telemetry


async def main(port: int, spool: Path, first: int, count: int) -> None:
    configure_logging("talker", "serve")
    settings = Settings(node="talker", mqtt=MqttSettings(host="127.0.0.1", port=port, spool=spool))
    clock = SystemClock()
    telemetry = Telemetry(settings, "serve", clock)
    telemetry.set_recording(recording=True, uuid="u", duration=1.5)
    tasks = BackgroundTasks(lambda: sys.exit("a task died"))
    telemetry.start(tasks)
    for number in range(first, first + count):
        record = make_record(clock.now_ms(), "talker", "test", "INFO", "m", number=number)
        telemetry.publish(record)
    await telemetry.store()
    print("stored", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
