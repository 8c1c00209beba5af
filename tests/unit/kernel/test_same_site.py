"""What a web page of somebody else gives away, and what nobody else's page does."""

import pytest

from ctlr.kernel.same_site import find_foreign_host, find_foreign_page

NAMES = frozenset({"melb-01-ctlr", "melb-01-ctlr.local", "rig.example.org"})
HOST = "10.0.0.1:8000"


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "10.0.0.1:8000", "203.0.113.5:8000", "[fe80::1%eth0]:8000", "[::1]"),
        *("localhost", "LOCALHOST:8000", "ctlr", "melb-01-ctlr:8000", "melb-01-ctlr.local:8000"),
        *("other.local", "rig.lan:8000", "rig.home.arpa", "rig.internal.", "my_cam:8080"),
        *("rig.example.org", "Rig.Example.org:443"),
    ],
)
def test_a_name_of_this_network_or_of_this_machine(host: str) -> None:
    assert find_foreign_host(headers(host=host), NAMES) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8000",
            "melb-01-ctlr.evil.example",
            "rig.example.org.evil.com",
        ),
        *("10.0.0.1.evil.example", "10.0.0.1.nip.io", "evil-local", "local.evil.example"),
        *("user@10.0.0.1", "10.0.0.1:8000:1", "evil.example/", "", "rig.lan:123456", "a b"),
    ],
)
def test_a_name_that_anybody_can_have(host: str) -> None:
    found = find_foreign_host(headers(host=host), NAMES)
    assert (found is None) == (host == "evil-local")  # one label leads nowhere on the internet


def test_two_hosts_are_both_looked_at() -> None:
    twice = [*headers(host=HOST), *headers(host="evil.example")]
    assert find_foreign_host(twice, NAMES) == "evil.example"


def test_who_names_no_host_is_no_browser() -> None:
    assert find_foreign_host([], NAMES) is None


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"origin": "http://10.0.0.1:8000"},
        {"origin": "http://10.0.0.1:8000", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://melb-01-ctlr:3000"},
        {"origin": "https://rig.example.org"},
    ],
)
def test_its_own_page_and_who_has_none(said: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert find_foreign_page(method, headers(host=HOST, **said), NAMES) is None


@pytest.mark.parametrize(
    "said",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://evil.example:8000"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://10.0.0.1"},
        {"origin": "http://10.0.0.1:8001"},
        {"origin": "http://10.0.0.2:8000"},
        {"origin": "http://10.0.0.1:8000.evil.example"},
        {"origin": "http://localhost:8000"},
        {"origin": "chrome-extension://abc"},
        {"origin": "file://"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://10.0.0.1:8000", "sec_fetch_site": "cross-site"},
    ],
)
def test_a_page_of_another_site(said: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert find_foreign_page(method, headers(host=HOST, **said), NAMES) is not None


def test_a_port_that_is_usual_need_not_be_said() -> None:
    assert find_foreign_page("POST", headers(host="rig", origin="http://rig:80"), NAMES) is None
    assert find_foreign_page("POST", headers(host="rig:443", origin="https://rig"), NAMES) is None


def test_a_link_may_be_followed_and_no_more() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    asked = headers(host=HOST, **link, sec_fetch_dest="document")
    assert find_foreign_page("GET", asked, NAMES) is None
    assert find_foreign_page("POST", asked, NAMES) is not None
    framed = headers(host=HOST, **link, sec_fetch_dest="iframe")
    assert find_foreign_page("GET", framed, NAMES) is not None


def test_what_is_told_of_it_is_short() -> None:
    long = "http://" + "e" * 5000
    assert len(find_foreign_page("GET", headers(host=HOST, origin=long), NAMES) or "") <= 100
    assert len(find_foreign_host(headers(host=f"{'e' * 5000}.com"), NAMES) or "") <= 100
