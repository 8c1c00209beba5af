"""The record of the storage metrics, made of the states as last seen. Pure."""

from collections.abc import Mapping
from typing import Any

from ctlr.storage.states import MountState
from ctlr.telemetry.storage_metrics import MountMetrics, storage_fields


def storage_record(states: Mapping[str, MountState]) -> dict[str, Any]:
    """The contract's fields, and each volume's ``state``."""
    mounts = {
        name: MountMetrics(
            mounted=state.mounted,
            accessible=state.accessible,
            free_bytes=state.free_bytes if state.accessible else None,
            write_ok=state.accessible,
            latency_ms=state.latency_ms,
        )
        for name, state in states.items()
    }
    return storage_fields(mounts) | {f"{name}_state": s.state.value for name, s in states.items()}
