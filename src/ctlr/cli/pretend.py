"""Verbs that pretend: a phone, and a whole rig on this machine."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from ctlr.cli.command import TRY, app, examples, fail
from ctlr.kernel.ids import parse_session_id

simulate = typer.Typer(help="Pretend to be a part of the rig.", no_args_is_help=True)
app.add_typer(simulate, name="simulate", rich_help_panel=TRY)


@simulate.command("phone")
def simulate_phone(
    uuid: Annotated[str, typer.Option(help="Session that the data belongs to.")],
    folder: Annotated[Path, typer.Option(help="Where the CSV files are written.")],
    seconds: Annotated[float, typer.Option(min=1, help="How long the session was.")] = 60,
    start_ms: Annotated[
        int | None, typer.Option(help="Its start, Unix ms (by default, so that it ends now).")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
    watch_lag_s: Annotated[
        float, typer.Option(help="How far the watch's clock runs behind the phone's.")
    ] = 0,
    gps_lag_s: Annotated[float, typer.Option(help="How far the GPS's clock runs behind.")] = 0,
    clock_ahead_ms: Annotated[
        float, typer.Option(help="How far the phone's clock is ahead of this machine's.")
    ] = 0,
    url: Annotated[str | None, typer.Option(help="Controller to upload to.")] = None,
) -> None:
    """Make what phone and watch measure in a session and, with --url, tell the controller how far
    the phone's clock is off, and upload it."""
    from ctlr.simulator import phone

    session_id = parse_session_id(uuid)
    begin = start_ms if start_ms is not None else round((time.time() - seconds) * 1000)
    lags = phone.Lags(watch_lag_s, gps_lag_s)
    begin += round(clock_ahead_ms)
    for file in phone.generate(folder, session_id, begin, seconds, seed, lags):
        typer.echo(file)
    if url:
        asyncio.run(_hand_over(url, session_id, folder, clock_ahead_ms))


async def _hand_over(url: str, uuid: str, folder: Path, clock_ahead_ms: float) -> None:
    """The upload comes first: it makes a session that the controller does not know yet."""
    import aiohttp

    from ctlr.simulator import phone, phone_clock

    try:
        found = await phone_clock.measure(url, clock_ahead_ms)
        await phone.upload(url, uuid, folder)
        await phone_clock.tell(url, found, uuid)
    except (aiohttp.ClientError, TimeoutError) as error:
        fail(f"{url}: {error or 'no answer in time'}. The files are in {folder}.", code=1)


@simulate.command("can")
def simulate_can(
    to: Annotated[str | None, typer.Option(help="Listener's host:port, as a bridge.")] = None,
    interface: Annotated[str | None, typer.Option(help="python-can's kind of adapter.")] = None,
    channel: Annotated[str, typer.Option(help="Which adapter, with --interface.")] = "vcan0",
    seconds: Annotated[float, typer.Option(help="For how long.")] = 60,
    fps: Annotated[float, typer.Option(help="Fill the bus up to so many frames a second.")] = 0,
    clock_off_s: Annotated[float, typer.Option(help="How far the bridge's clock is off.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same drive.")] = 1,
    *,
    serial: Annotated[bool, typer.Option("--serial", help="Be a serial adapter (slcan).")] = False,
) -> None:
    """Be a vehicle's CAN bus: send what its units say, until --seconds are over."""
    import can

    from ctlr.simulator import can_senders as ways
    from ctlr.simulator.can import VehicleBus

    if (to is not None) + (interface is not None) + serial != 1:
        raise typer.BadParameter("give one of --to, --interface and --serial")
    if to is not None:
        host, _, port = to.rpartition(":")
        if not (host and port.isdigit()):
            raise typer.BadParameter("give it as host:port", param_hint="--to")
        way = ways.bridge(host, int(port), clock_off_s)
    elif interface is not None:
        way = ways.adapter(interface, channel)
    else:
        way = ways.serial_device(typer.echo)
    try:
        count = asyncio.run(ways.run(VehicleBus(seed, fps), way, seconds))
    except (OSError, can.CanError) as error:
        fail(f"The bus cannot be reached: {error}.", code=1)
    typer.echo(f"{count} frames")


@app.command(rich_help_panel=TRY, epilog=examples("ctlr demo", "ctlr demo --keep --cameras 2"))
def demo(
    folder: Annotated[Path | None, typer.Option(help="A new folder for the demo.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to record.")] = 12,
    segment_s: Annotated[float, typer.Option(min=1, help="Length of a segment.")] = 4,
    cameras: Annotated[int, typer.Option(min=1, max=16, help="How many cameras.")] = 3,
    watch_lag_s: Annotated[
        float, typer.Option(help="How far the watch's clock runs behind the phone's.")
    ] = 0,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, until Ctrl-C.")] = False,
) -> None:
    """Record a real session with camera processes on this machine and show the result."""
    from ctlr.simulator.demo import run_demo

    raise typer.Exit(run_demo(folder, keep, seconds, segment_s, cameras, watch_lag_s))
