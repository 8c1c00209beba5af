from pathlib import Path

from ctlr.telemetry.health import HealthSensor
from ctlr.telemetry.storage_metrics import MountMetrics, storage_fields


def test_a_reading_is_in_percent_and_degrees(tmp_path: Path) -> None:
    zone = tmp_path / "temp"
    zone.write_text("48312\n")
    health = HealthSensor(zone).read()
    assert health.temp == 48.3
    assert 0 <= health.cpu <= 100
    assert 0 < health.mem <= 100
    assert 0 < health.disk <= 100
    assert set(health.fields()) == {"cpu", "mem", "temp", "disk"}


def test_a_machine_without_a_sensor(tmp_path: Path) -> None:
    assert HealthSensor(tmp_path / "none").read().temp is None


def test_the_storage_record() -> None:
    mounts = {
        "logging": MountMetrics(
            mounted=True, accessible=True, free_bytes=3 << 29, write_ok=True, latency_ms=4.5
        ),
        "sync": MountMetrics(
            mounted=False, accessible=False, free_bytes=None, write_ok=None, latency_ms=None
        ),
    }
    assert storage_fields(mounts) == {
        "logging_mounted": True,
        "logging_accessible": True,
        "logging_free_gb": 1.5,
        "logging_write_ok": True,
        "logging_latency_ms": 4.5,
        "sync_mounted": False,
        "sync_accessible": False,
        "sync_free_gb": None,
        "sync_write_ok": None,
        "sync_latency_ms": None,
    }
