"""Which addresses may be called because somebody on the network asked for it."""

import pytest

from ctlr.kernel.errors import Refusal
from ctlr.nodes.roster import check_address


@pytest.mark.parametrize(
    "address", ["10.0.0.13:8080", "127.0.0.1:1", "melb-01-cam-03:8080", "cam.local:65535"]
)
def test_a_camera_of_the_network(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "cam",
        "cam:",
        ":80",
        "cam:0",
        "cam:65536",
        "cam:8o",
        "cam:+80",
        "cam:\u0661",
        "8.8.8.8:80",
        "0.0.0.0:80",
        "1.2.3:80",
        "user@cam:80",
        "cam/x?:80",
        "cam#:80",
        "cam\r\nx:80",
        "-cam:80",
        "[::1]:80",
        "c" * 300 + ":80",
    ],
)
def test_anything_else(address: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_address(address)
    assert refusal.value.code == "invalid_node"
