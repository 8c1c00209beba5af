"""What strangers announce takes up a bounded amount of memory."""

from typing import Any, cast

from structlog.testing import capture_logs
from zeroconf import ServiceStateChange

from ctlr.kernel.clock import SystemClock
from ctlr.nodes.announcement import SERVICE_TYPE, service_name
from ctlr.nodes.discovery import MOST_NAMES, Discovery


def test_a_flood_of_names_is_cut_off_and_said_once() -> None:
    discovery = Discovery("127.0.0.1", SystemClock())
    nowhere = cast("Any", None)  # where a name was heard plays no part
    with capture_logs() as log:
        for number in range(MOST_NAMES * 3):
            name = service_name(f"flood-{number}")
            discovery.notice(nowhere, SERVICE_TYPE, name, ServiceStateChange.Added)
    assert len(discovery.names) == MOST_NAMES
    assert [entry["log_level"] for entry in log] == ["warning"]
    discovery.notice(nowhere, SERVICE_TYPE, service_name("flood-0"), ServiceStateChange.Removed)
    discovery.notice(nowhere, SERVICE_TYPE, service_name("cam-01"), ServiceStateChange.Added)
    assert service_name("cam-01") in discovery.names
