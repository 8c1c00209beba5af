"""What a machine knows itself to be called, by its files alone."""

from pathlib import Path

from ctlr.kernel.own_names import OwnNames, names_of

HOSTS = """127.0.0.1 localhost
127.0.1.1 melb-01-ctlr.rig.example.org melb-01-ctlr  # by the installer
10.0.0.2 melb-01-cam-01
::1 localhost ip6-localhost
"""
RESOLVER = "# by dhcp\nnameserver 10.0.0.1\nsearch lan  fritz.box.\n"


def test_the_host_name_with_what_the_files_add() -> None:
    assert names_of("Melb-01-ctlr", HOSTS, RESOLVER) == {
        "melb-01-ctlr",
        "melb-01-ctlr.local",
        "melb-01-ctlr.rig.example.org",
        "melb-01-ctlr.lan",
        "melb-01-ctlr.fritz.box",
    }


def test_localhost_is_everybodys() -> None:
    assert "localhost" not in names_of("rig", "127.0.0.1 localhost rig\n", "")


def test_a_host_name_with_its_domain() -> None:
    assert names_of("rig.example.org", "", "") == {"rig.example.org", "rig", "rig.local"}


def test_files_that_are_not_there_or_make_no_sense(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_bytes(b"\xff\n\n#\n127.0.0.1\n127.0.1.1 rig other\n")
    names = OwnNames(["Told.example.org."], "rig", hosts, tmp_path / "nowhere")
    assert names.now() == {"told.example.org"}
    assert names.read_again() == {"told.example.org", "rig", "rig.local", "other"}
    assert names.now() == names.read_again()


def test_a_network_that_came_later_is_seen_but_not_at_every_question(tmp_path: Path) -> None:
    resolver = tmp_path / "resolv.conf"
    names = OwnNames((), "rig", tmp_path / "none", resolver, again_s=0)
    assert "rig.crew.example" not in names.read_again()
    resolver.write_text("domain crew.example\n")
    assert "rig.crew.example" in names.read_again()
    seldom = OwnNames((), "rig", tmp_path / "none", resolver, again_s=3600)
    seldom.read_again()
    resolver.write_text("domain other.example\n")
    assert "rig.other.example" not in seldom.read_again()
