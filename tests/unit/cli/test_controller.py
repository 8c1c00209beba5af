"""Where the command line looks for the controller, and what it lets through to a terminal."""

import pytest

from ctlr.cli.controller import own_url, printable
from ctlr.config import ApiSettings


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("10.0.0.1", "http://10.0.0.1:8000"),
        ("melb-01-ctlr", "http://melb-01-ctlr:8000"),
        ("::", "http://127.0.0.1:8000"),
    ],
)
def test_the_controller_of_this_machine(host: str, url: str) -> None:
    assert own_url(ApiSettings(host=host)) == url


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0, "0"), ("21 °C ü", "21 °C ü"), ("a\x1b[2J\r\nb", "a\ufffd[2J\ufffd\ufffdb")],
)
def test_what_reaches_the_terminal(value: object, shown: str) -> None:
    assert printable(value) == shown
