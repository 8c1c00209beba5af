"""Numbers that are written so that they do not look like one, and names that are none."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.nodes.addresses import is_callable, is_host_name, is_local

LOOPBACK = (
    *("127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f.1", "0x7f000001"),
    *("0x7f.0.0.1", "0X7F.0x0.0x0.0x1", "127.0.0.01", "127.0.0.1.", "127.0.0.0x1", "1.0x", "0x"),
)


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_number_in_disguise(host: str) -> None:
    assert not is_callable(f"{host}:8080")


@pytest.mark.parametrize(
    "host",
    [
        *("[::ffff:127.0.0.1]", "::ffff:10.0.0.1", "[fe80::1]", "8.8.8.8", "0.0.0.1", "0.1.2.3"),
        *("192.0.2.5", "198.51.100.1", "203.0.113.1", "224.0.0.251", "255.255.255.255"),
        *("a..b", ".a", "-a", "a-.b", "a b", "a/b", "a@b", "a#b", "\u0661.\u0662", "caf\u00e9"),
        *("a" * 64, ".".join(["a" * 63] * 4) + ".b"),
    ],
)
def test_what_is_no_host_of_this_network(host: str) -> None:
    assert not is_callable(f"{host}:8080")


@pytest.mark.parametrize(
    "host",
    ["10.0.0.13", "192.168.4.1", "169.254.7.7", "127.0.0.1", "cam-01", "cam-01.local", "cam.lan.",
     "3cam", "1.cam", "0x7f.cam", "my_cam"],
)  # fmt: skip
def test_a_camera_of_this_network(host: str) -> None:
    assert is_callable(f"{host}:8080")


@given(st.integers(0, 2**32 - 1))
def test_an_address_counts_only_as_everybody_writes_it(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    a, b, c, d = address.packed
    disguises = (str(number), hex(number), f"{a}.{number & 0xFFFFFF}", f"{a:#x}.{b}.{c}.0{d:o}")
    assert not any(is_host_name(text) for text in (*disguises, str(address)))
    assert not any(is_local(text) for text in disguises)
