"""The rig's own network: a bridge in a network namespace that only this run can see.

The driver has the first address, as the phone would; each machine gets the next by a plain
systemd-networkd file and finds the others by ``/etc/hosts``. Nothing leads out of it.
"""

from pathlib import Path

from rig.shell import sh

BRIDGE = "rig0"
DRIVER = "10.77.0.1"
PREFIX = 24


def make_bridge() -> None:
    """Build the bridge in the present network namespace, which must be a private one."""
    sh(["ip", "link", "set", "lo", "up"])
    sh(["ip", "link", "add", BRIDGE, "type", "bridge"])
    sh(["ip", "addr", "add", f"{DRIVER}/{PREFIX}", "dev", BRIDGE])
    sh(["ip", "link", "set", BRIDGE, "up"])


def address_of(index: int) -> str:
    """The address of the machine with this index, from 0."""
    return f"10.77.0.{index + 2}"


def write_identity(root: Path, name: str, addresses: dict[str, str]) -> None:
    """Make a root file system the machine ``name`` among all those of ``addresses``."""
    etc = root / "etc"
    hosts = [f"{address} {host}" for host, address in addresses.items()]
    (etc / "hostname").write_text(f"{name}\n")
    (etc / "hosts").write_text("\n".join(["127.0.0.1 localhost", f"{DRIVER} phone", *hosts, ""]))
    (etc / "machine-id").write_text("")  # systemd makes one at the first boot
    network = etc / "systemd" / "network" / "10-rig.network"
    network.parent.mkdir(parents=True, exist_ok=True)
    network.write_text(
        "[Match]\nName=host0 en* eth*\n\n"
        f"[Network]\nAddress={addresses[name]}/{PREFIX}\nLinkLocalAddressing=no\n"
        "IPv6AcceptRA=no\nLLMNR=no\nMulticastDNS=no\n"
    )
