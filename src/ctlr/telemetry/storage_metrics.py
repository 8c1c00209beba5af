"""The fields of the storage record that goes out every 30 s. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GIB = 1 << 30


@dataclass(frozen=True)
class MountMetrics:
    """One mount as it was last probed; what is not known is None."""

    mounted: bool
    accessible: bool
    free_bytes: int | None
    write_ok: bool | None
    latency_ms: float | None


def storage_fields(mounts: Mapping[str, MountMetrics]) -> dict[str, Any]:
    """``{logging,sync}_{mounted,accessible,free_gb,write_ok,latency_ms}``; GB are 2^30 bytes."""
    fields: dict[str, Any] = {}
    for name, mount in mounts.items():
        free_gb = None if mount.free_bytes is None else round(mount.free_bytes / GIB, 2)
        fields |= {
            f"{name}_mounted": mount.mounted,
            f"{name}_accessible": mount.accessible,
            f"{name}_free_gb": free_gb,
            f"{name}_write_ok": mount.write_ok,
            f"{name}_latency_ms": mount.latency_ms,
        }
    return fields
