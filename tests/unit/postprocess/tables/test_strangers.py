"""Tables as other people's loggers write them, each with the values that are right for it."""

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.table import read_table
from ctlr.postprocess.tables.table_report import table_entry

START = datetime(2026, 4, 14, 10, 28, 34, tzinfo=UTC)
START_MS = 1_776_162_514_000
ROWS, STEP_MS = 1001, 10
SPAN = SessionSpan(START_MS, START_MS + 10_000)
BERLIN = timezone(timedelta(hours=2))


def entry(path: Path, data: bytes | str, span: SessionSpan = SPAN) -> TableEntry:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return table_entry(path.name, place(read_table(path, lambda _: None), span), span, "")


def codes(found: TableEntry) -> list[str]:
    return [problem.code for problem in found.problems]


@dataclass(frozen=True)
class Told:
    """What is to be said of ten seconds at 100 Hz that begin with the session."""

    clock: str
    unit: str
    codes: tuple[str, ...] = ()
    rate_hz: float = 100
    rows: int = ROWS

    def of(self, found: TableEntry) -> "Told":
        return Told(
            found.clock or "", found.unit or "", tuple(codes(found)), found.rate_hz or 0, found.rows
        )


def rows(write: Callable[[int, datetime], str], zone: timezone = UTC) -> str:
    """``write`` makes a row of milliseconds since the start and the instant."""
    at = (START.astimezone(zone) + timedelta(milliseconds=n * STEP_MS) for n in range(ROWS))
    return "".join(write(n * STEP_MS, instant) + "\n" for n, instant in enumerate(at))


def ms(instant: datetime) -> str:
    return f"{instant.microsecond // 1000:03d}"


DAY_MS = 86_400_000

EXPORTS: dict[str, tuple[str | bytes, Told]] = {
    "Sensor Logger": (
        "time,seconds_elapsed,z,y,x\n"
        + rows(lambda t, _: f"{(START_MS + t) * 10**6},{t / 1000:.6f},0.1,0.2,-9.8"),
        Told("time", "ns"),
    ),
    "phyphox": (
        '"Time (s)","Acceleration x (m/s^2)","Acceleration y (m/s^2)"\n'
        + rows(lambda t, _: f"{t / 1000:.9E},-1.5E-1,9.81E0"),
        Told("time", "s", ("start_assumed",)),
    ),
    "a spreadsheet's days since 1900": (
        "Date,x\n" + rows(lambda t, _: f"{25_569 + (START_MS + t) / 86_400_000:.10f},1"),
        Told("date", "iso", ("zone_assumed",)),
    ),
    "seconds since boot as large as those days": (
        "time,x\n" + rows(lambda t, _: f"{45_398 + t / 1000:.3f},1"),
        Told("time", "s", ("start_assumed",)),
    ),
    "phyphox, semicolons and decimal commas": (
        '"Time (s)";"Acceleration x (m/s^2)"\n'
        + rows(lambda t, _: f"{t / 1000:.9E};-1.5E-1".replace(".", ",")),
        Told("time", "s", ("start_assumed",)),
    ),
    "phyphox, in German": (
        '"Zeit (s)"\t"Beschleunigung x (m/s^2)"\n' + rows(lambda t, _: f"{t / 1000:.9E}\t-1.5E-1"),
        Told("zeit", "s", ("start_assumed",)),
    ),
    "AndroSensor": (
        "sep=;\nACCELEROMETER X (m/s²);LOCATION Speed ( Kmh);Time since start in ms ;"
        "YYYY-MO-DD HH-MI-SS_SSS\n"
        + rows(lambda t, at: f"0.1;0;{t};{at:%Y-%m-%d %H:%M:%S}:{ms(at)}"),
        Told("yyyy_mo_dd_hh_mi_ss_sss", "iso", ("zone_assumed",)),
    ),
    "AndroSensor without the date": (
        "ACCELEROMETER X (m/s²);Time since start in ms \n" + rows(lambda t, _: f"0.1;{t}"),
        Told("time_since_start_in_ms", "ms", ("start_assumed",)),
    ),
    "Physics Toolbox": (
        "time,gFx,gFy,gFz,TgF\n" + rows(lambda t, _: f"{t / 1000:.4f},0.1,0.2,1.0,1.02"),
        Told("time", "s", ("start_assumed",)),
    ),
    "Physics Toolbox, by the clock": (
        "time;gFx;gFy;gFz;TgF\n" + rows(lambda _, at: f"{at:%H:%M:%S}:{ms(at)};0,1;0,2;1,0;1,02"),
        Told("time", "iso", ("start_assumed",)),
    ),
    "SensorLog": (
        "loggingTime(txt)|loggingSample(N)|accelerometerTimestamp_sinceReboot(s)\n"
        + rows(
            lambda t, at: f"{at:%Y-%m-%d %H:%M:%S}.{ms(at)} +0200|{t // 10}|{5000 + t / 1000:.6f}",
            BERLIN,
        ),
        Told("loggingtime", "iso"),
    ),
    "SensorLog without the logging time": (
        "loggingSample(N),accelerometerTimestamp_sinceReboot(s),accelerometerAccelerationX(G)\n"
        + rows(lambda t, _: f"{t // 10},{5_000_000 + t / 1000:.6f},0.1"),
        Told("accelerometertimestamp_sincereboot", "s", ("start_assumed",)),
    ),
    "Polar Sensor Logger": (
        "Phone timestamp;sensor timestamp [ns];X [mg];Y [mg];Z [mg] \n"
        + rows(
            lambda t, at: (
                f"{at:%Y-%m-%dT%H:%M:%S}.{ms(at)};{599618164814402560 + t * 10**6};-10;5;1000"
            )
        ),
        Told("phone_timestamp", "iso", ("zone_assumed",)),
    ),
    "GPSLogger": (
        "time,lat,lon,elevation,accuracy,bearing,speed,satellites,provider,hdop\n"
        + rows(lambda _, at: f"{at:%Y-%m-%dT%H:%M:%S}.{ms(at)}Z,-37.8,144.9,12.5,4.0,,0.5,9,gps,"),
        Told("time", "iso"),
    ),
    "RaceChrono": (
        "This file is created using RaceChrono v9.1.3 ( http://racechrono.com/ ).\nFormat,3\n"
        'Session title,"Test"\nSession type,Lap timing\nCreated,14/04/2026,10:28\nNote,\n\n'
        "timestamp,fragment_id,lap_number,elapsed_time,speed,device_update_rate\n"
        "unix time,,,s,m/s,Hz\n,,,,100: gps,100: gps\n"
        + rows(lambda t, _: f"{(START_MS + t) / 1000:.3f},0,,{t / 1000:.3f},,25"),
        Told("timestamp", "s"),
    ),
    "Torque": (
        "GPS Time, Device Time, Longitude, Latitude,GPS Speed (Meters/second)\n"
        + rows(
            lambda _, at: (
                f"{at:%a %b %d %H:%M:%S} GMT+02:00 {at:%Y},{at:%d-%b-%Y %H:%M:%S}.{ms(at)},-,1.5,0"
            ),
            BERLIN,
        ),
        Told("gps_time", "iso"),
    ),
    "Torque before the first fix": (
        "GPS Time, Device Time, Longitude, Latitude,GPS Speed (Meters/second)\n"
        + rows(lambda _, at: f"-,{at:%d-%b-%Y %H:%M:%S}.{ms(at)},-,-,0"),
        Told("device_time", "iso", ("zone_assumed",)),
    ),
    "Shimmer": (
        '"sep=,"\nS_Timestamp_Unix_CAL,S_Accel_WR_X_CAL,S_Accel_WR_Y_CAL,\nms,m/(s^2),m/(s^2),\n'
        + rows(lambda t, _: f"{START_MS + t}.0,0.1,9.8,"),
        Told("s_timestamp_unix_cal", "ms"),
    ),
    "Shimmer, counting": (
        "sep=\t\nS_Timestamp_CAL\tS_Accel_X_CAL\nms\tm/(s^2)\n"
        + rows(lambda t, _: f"{12_345_678 + t}\t0.1"),
        Told("s_timestamp_cal", "ms", ("start_assumed",)),
    ),
    "Xsens": (
        "DeviceTag:,left\nFirmwareVersion:,2.0\nOutputRate:,100Hz\n\n"
        "PacketCounter,SampleTimeFine,Acc_X,Acc_Y\n"
        + rows(lambda t, _: f"{t // 10},{192856375 + t * 1000},0.1,0.2"),
        Told("sampletimefine", "us", ("start_assumed",)),
    ),
    "an Arduino with millis": (
        "Init SD... ok\nMPU6050 found\nmillis,ax,ay,az\n"
        + rows(lambda t, _: f"{5231 + t},0.1,0.2,9.8"),
        Told("millis", "ms", ("start_assumed",)),
    ),
    "an Arduino with micros and comments": (
        "# logger v2\n# t_us in microseconds\nt_us\tax\n"
        + rows(lambda t, _: f"{123_456 + t * 1000}\t1").replace("1\n", "1\n# sync\n", 3),
        Told("t_us", "us", ("start_assumed",)),
    ),
    "comments and a header among them": (
        "# Date: 2026-04-14\n# Device: Pixel 8\n# Time [ns], X [g]\n"
        + rows(lambda t, _: f"{(START_MS + t) * 10**6},0.1"),
        Told("time", "ns"),
    ),
    "TrackAddict": (
        "# RaceRender Data: TrackAddict 4.8.2 on Android 14 (Mode: 0)\n# GPS: Android; Mode: Android\n"
        '"Time","UTC Time","Lap","Predicted Lap Time","Latitude","Speed (Km/h)","Accel X"\n'
        + rows(lambda t, _: f"{t / 1000:.3f},{(START_MS + t) / 1000:.3f},0,0,-37.8,12.1,0.02")
        + "# Session End\n",
        Told("utc_time", "s"),
    ),
    "Polar Flow": (
        "Name,Sport,Date,Start time,Duration,Average heart rate (bpm),Notes,\n"
        "A B,Other,14-04-2026,10:28:34,00:16:41,112,,\n"
        "Sample rate,Time,HR (bpm),Speed (km/h),\n"
        + "".join(f"1,00:{n // 60:02d}:{n % 60:02d},85,,\n" for n in range(11)),
        Told("time", "iso", ("start_assumed",), rate_hz=1, rows=11),
    ),
    "ActiGraph": (
        "------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 date format M/d/yyyy ---\n"
        "Serial Number: NEO1DXXXXXXXX\nStart Time 10:28:34\nStart Date 4/14/2026\n"
        "Epoch Period (hh:mm:ss) 00:00:01\nCurrent Battery Voltage: 4.22     Mode = 12\n"
        "--------------------------------------------------\nDate,Time,Axis1,Axis2,Axis3\n"
        + rows(lambda _, at: f"{at:%m/%d/%Y},{at:%H:%M:%S}.{ms(at)},0,1,2"),
        Told("date+time", "iso", ("zone_assumed",)),
    ),
    "Samsung Health": (
        "com.samsung.health.hr,6312003,4\ncreate_time,heart_rate,deviceuuid\n"
        + rows(lambda _, at: f"{at:%Y-%m-%d %H:%M:%S}.{ms(at)},61.0,abc"),
        Told("create_time", "iso", ("zone_assumed",)),
    ),
    "pandas": (
        ",timestamp,x\n"
        + rows(lambda t, at: f"{t // 10},{at:%Y-%m-%d %H:%M:%S}.{ms(at)}000+00:00,0.1"),
        Told("timestamp", "iso"),
    ),
    "Java": (
        "zonedDateTime,x\n"
        + rows(lambda _, at: f"{at:%Y-%m-%dT%H:%M:%S}.{ms(at)}+02:00[Europe/Berlin],1", BERLIN),
        Told("zoneddatetime", "iso"),
    ),
    "with a zone in brackets alone": (
        "time,x\n"
        + rows(lambda _, at: f"{at:%Y-%m-%dT%H:%M:%S}.{ms(at)}[Europe/Berlin],1", BERLIN),
        Told("time", "iso"),
    ),
    "phyphox's system time": (
        '"event","experiment time","system time text"\n'
        + rows(
            lambda t, at: f'"X",{t / 1000:.3E},"{at:%Y-%m-%d %H:%M:%S}.{ms(at)} UTC+02:00"', BERLIN
        ),
        Told("system_time_text", "iso"),
    ),
    "a date and a time of day": (
        "date,time,x\n" + rows(lambda _, at: f"{at:%Y-%m-%d},{at:%H:%M:%S}.{ms(at)},1"),
        Told("date+time", "iso", ("zone_assumed",)),
    ),
    "a German date and a time of day": (
        "Datum;Uhrzeit;Puls\n" + rows(lambda _, at: f"{at:%d.%m.%Y};{at:%H:%M:%S},{ms(at)};61"),
        Told("datum+uhrzeit", "iso", ("zone_assumed",)),
    ),
    "American": (
        "Timestamp,x\n"
        + rows(lambda _, at: f"{at.month}/{at.day}/{at.year} {at:%I:%M:%S}.{ms(at)} AM,1"),
        Told("timestamp", "iso", ("zone_assumed",)),
    ),
    "no header, nanoseconds": (
        rows(lambda t, _: f"{(START_MS + t) * 10**6},0.1,0.2"),
        Told("column 1", "ns", ("no_header",)),
    ),
    "no header, dates": (
        rows(lambda _, at: f"0.1;{at:%Y-%m-%dT%H:%M:%S}.{ms(at)}Z"),
        Told("column 2", "iso", ("no_header",)),
    ),
    "a unit in words": (
        "timestamp_ns,x\n" + rows(lambda t, _: f"{20 * DAY_MS * 10**6 + t * 10**6},1"),
        Told("timestamp_ns", "ns", ("start_assumed",)),
    ),
    "since boot, nanoseconds": (
        "timestamp,x\n" + rows(lambda t, _: f"{20 * DAY_MS * 10**6 + t * 10**6},1"),
        Told("timestamp", "ns", ("start_assumed",)),
    ),
    "since boot, milliseconds": (
        "timestamp,x\n" + rows(lambda t, _: f"{20 * DAY_MS + t},1"),
        Told("timestamp", "ms", ("start_assumed",)),
    ),
    "since boot, an hour ago": (
        "timestamp,x\n" + rows(lambda t, _: f"{3_600_000 * 10**6 + t * 10**6},1"),
        Told("timestamp", "ns", ("start_assumed",)),
    ),
    "UTF-16 without a mark": (
        ("time,x\n" + rows(lambda t, _: f"{START_MS + t},1")).encode("utf-16-le"),
        Told("time", "ms"),
    ),
    "UTF-16 without a mark, the other way round": (
        ("time,x\n" + rows(lambda t, _: f"{START_MS + t},1")).encode("utf-16-be"),
        Told("time", "ms"),
    ),
    "in Windows' letters": (
        ("Größe,Time (µs)\n" + rows(lambda t, _: f"1,{t * 1000}")).encode("cp1252"),
        Told("time", "us", ("start_assumed",)),
    ),
    "a tail of zeros": (
        ("time,x\n" + rows(lambda t, _: f"{START_MS + t},1")).encode() + bytes(70_000),
        Told("time", "ms", ("zero_bytes",)),
    ),
    "a tail of zeros, and little before it": (
        ("time,x\n" + rows(lambda t, _: f"{START_MS + t},1")).encode() + bytes(4096),
        Told("time", "ms", ("zero_bytes",)),
    ),
    "a stray quote": (
        "time,x\n" + rows(lambda t, _: f"{START_MS + t},{chr(34) if t == 3000 else ''}5"),
        Told("time", "ms", ("stray_quotes",)),
    ),
    "parted by bars, with spaces": (
        "time | x\n" + rows(lambda t, _: f"{START_MS + t} | 1"),
        Told("time", "ms"),
    ),
    "the first clock not set": (
        "time,utc_time,x\n" + rows(lambda t, _: f"n/a,{START_MS + t},1"),
        Told("utc_time", "ms"),
    ),
}


@pytest.mark.parametrize("logger", EXPORTS)
def test_an_export_is_read_right(tmp_path: Path, logger: str) -> None:
    data, told = EXPORTS[logger]
    found = entry(tmp_path / "a.csv", data)
    assert told.of(found) == told
    assert found.first_at == START_MS
    assert found.last_at == START_MS + 10_000
    assert found.gaps == ()


@pytest.mark.parametrize("bom", [codecs.BOM_UTF8, b""], ids=["marked", "unmarked"])
def test_a_separator_line_behind_a_mark(tmp_path: Path, bom: bytes) -> None:
    found = entry(tmp_path / "a.csv", bom + f"sep=;\r\ntime;x\r\n{START_MS};1\r\n".encode())
    assert (found.clock, found.rows, found.first_at) == ("time", 1, START_MS)


def numbers(times_ms: Sequence[float], head: str = "time,x", scale: int = 1) -> str:
    return f"{head}\n" + "".join(f"{time * scale:.0f},1\n" for time in times_ms)


STEADY = [float(START_MS + n * STEP_MS) for n in range(ROWS)]


@pytest.mark.parametrize(
    "behind_ms", [14 * DAY_MS, START_MS - 946_684_800_000], ids=["days", "2000"]
)
@pytest.mark.parametrize("share", [0.1, 0.7])
def test_a_clock_that_is_set_in_mid_session(tmp_path: Path, behind_ms: int, share: float) -> None:
    unset = int(ROWS * share)
    times = [time - behind_ms for time in STEADY[:unset]] + STEADY[unset:]
    found = entry(tmp_path / "a.csv", numbers(times))
    assert (found.first_at, found.last_at, found.rate_hz) == (START_MS, START_MS + 10_000, 100)
    assert (codes(found), found.gaps) == (["clock_set"], ())
    assert f"set forward by {behind_ms // DAY_MS} days" in found.problems[0].text


def test_a_clock_that_is_set_back_in_mid_session(tmp_path: Path) -> None:
    times = [time + 14 * DAY_MS for time in STEADY[:500]] + STEADY[500:]
    found = entry(tmp_path / "a.csv", numbers(times))
    assert (found.first_at, found.last_at, codes(found)) == (
        START_MS,
        START_MS + 10_000,
        ["clock_set"],
    )
    assert "set back by 14 days" in found.problems[0].text


@pytest.mark.parametrize("head", ["time,x", "ts_ms,x"])
@pytest.mark.parametrize("unset", [1000, 6000, 60_000])
def test_a_clock_that_was_not_set_before_the_session(tmp_path: Path, unset: int, head: str) -> None:
    """It counted from 1970, for longer than is looked at to find the clock."""
    times = [n * 10.0 for n in range(unset)] + STEADY
    found = entry(tmp_path / "a.csv", numbers(times, head))
    assert (found.first_at, found.last_at, found.rate_hz) == (START_MS, START_MS + 10_000, 100)
    assert [(problem.code, problem.count) for problem in found.problems] == [("far_times", unset)]


def test_a_clock_that_was_not_set_and_its_dates(tmp_path: Path) -> None:
    dates = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=10 * n) for n in range(9000))
    unset = "".join(f"{at:%Y-%m-%dT%H:%M:%S}.{ms(at)}Z,1\n" for at in dates)
    set_at = rows(lambda _, at: f"{at:%Y-%m-%dT%H:%M:%S}.{ms(at)}Z,1")
    found = entry(tmp_path / "a.csv", f"time,x\n{unset}{set_at}")
    assert (found.first_at, found.last_at, found.rate_hz) == (START_MS, START_MS + 10_000, 100)
    assert [(problem.code, problem.count) for problem in found.problems] == [("far_times", 9000)]


def test_rows_of_other_days_are_left_out(tmp_path: Path) -> None:
    times = [time - 7 * DAY_MS for time in STEADY] + [time - 3 * DAY_MS for time in STEADY] + STEADY
    found = entry(tmp_path / "a.csv", numbers(times))
    assert (found.first_at, found.last_at, found.rate_hz) == (START_MS, START_MS + 10_000, 100)
    assert [(problem.code, problem.count) for problem in found.problems] == [("far_times", 2002)]


@pytest.mark.parametrize("days", [-30, 3, 400, -4000])
def test_another_sessions_table_stays_another_sessions(tmp_path: Path, days: int) -> None:
    times = [time + days * DAY_MS for time in STEADY]
    for scale, unit in ((1, "ms"), (1000, "us"), (10**6, "ns")):
        found = entry(tmp_path / "a.csv", numbers(times, scale=scale))
        assert (found.unit, found.rate_hz, codes(found)) == (unit, 100, ["misses_session"])
        assert found.first_at == START_MS + days * DAY_MS


def test_rows_out_of_order(tmp_path: Path) -> None:
    swapped = STEADY[:]
    swapped[1:-2:2], swapped[2:-1:2] = swapped[2:-1:2], swapped[1:-2:2]
    found = entry(tmp_path / "a.csv", numbers(swapped))
    assert (found.first_at, found.last_at, found.rate_hz) == (START_MS, START_MS + 10_000, 100)
    assert (codes(found), found.gaps) == (["times_go_back"], ())
    assert "by up to 10 ms" in found.problems[0].text


def test_the_latest_row_first(tmp_path: Path) -> None:
    found = entry(tmp_path / "a.csv", numbers(STEADY[::-1]))
    assert (found.first_at, found.last_at, found.rate_hz) == (START_MS, START_MS + 10_000, 100)
    assert found.problems[0].text == "Its rows run from the latest to the earliest."


def test_a_rate_is_the_usual_distance_of_rows(tmp_path: Path) -> None:
    thinned = [time for n, time in enumerate(STEADY) if n % 5]
    assert entry(tmp_path / "a.csv", numbers(thinned)).rate_hz == 100
    twice = sorted([*STEADY, *STEADY])
    assert entry(tmp_path / "b.csv", numbers(twice)).rate_hz == 100
    odd = [START_MS + round(n * 2.5) for n in range(4000)]  # 400 Hz in whole milliseconds
    assert entry(tmp_path / "c.csv", numbers(odd)).rate_hz == pytest.approx(400, rel=0.01)
    bunched = [START_MS + n // 10 * 192.0 + n % 10 for n in range(500)]  # 52 Hz by radio
    assert entry(tmp_path / "d.csv", numbers(bunched)).rate_hz == pytest.approx(52, rel=0.05)


def test_a_time_of_day_goes_on_behind_midnight(tmp_path: Path) -> None:
    times = "".join(
        f"{(86_390 + n) // 3600 % 24:02d}:{(86_390 + n) // 60 % 60:02d}:{(86_390 + n) % 60:02d},1\n"
        for n in range(21)
    )
    found = entry(tmp_path / "a.csv", "time,x\n" + times, SessionSpan(START_MS, START_MS + 20_000))
    assert (found.first_at, found.last_at) == (START_MS, START_MS + 20_000)
    assert codes(found) == ["start_assumed"]
    assert "time of day without a date" in found.problems[0].text


def test_day_and_month_that_could_be_the_other_way_round(tmp_path: Path) -> None:
    span = SessionSpan(1_775_385_000_000, None)  # 2026-04-05T10:30:00Z
    both = entry(tmp_path / "a.csv", "time,x\n05/04/2026 10:30:00,1\n05/04/2026 10:30:01,1\n", span)
    assert (both.first_at, codes(both)) == (span.started_ms, ["date_order_assumed", "zone_assumed"])
    american = entry(tmp_path / "b.csv", "time,x\n04/05/2026 10:30:00 AM,1\n", span)
    assert american.first_at == span.started_ms


def test_a_zone_that_is_not_known_is_said(tmp_path: Path) -> None:
    found = entry(tmp_path / "a.csv", "time,x\nTue Apr 14 10:28:34 XYZT 2026,1\n")
    assert found.first_at == START_MS
    assert "zone_assumed" in codes(found)


@pytest.mark.parametrize(
    "data",
    [
        "1586860114.000000,1586860114.000000\n32.0,32.0\n-51,0\n-52,1\n-53,1\n",  # Empatica
        "Accelerometer X,Accelerometer Y\n0.1,0.2\n0.3,0.4\n",  # ActiGraph
        "exposure time (ms),gain\n10,1\n20,1\n",
        "lap_time,x\n61.5,1\n62.5,2\n",
        "T (°C),x\n20,1\n21,1\n",
    ],
)
def test_no_clock_is_made_up(tmp_path: Path, data: str) -> None:
    found = entry(tmp_path / "a.csv", data)
    assert (found.clock, found.first_at, found.rate_hz) == (None, None, None)
    assert codes(found)[-1] == "no_time"
