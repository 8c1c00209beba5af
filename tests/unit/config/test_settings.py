from pathlib import Path

import pytest

from ctlr.config import NodeAddress, Settings, load_settings
from ctlr.kernel.errors import ConfigError


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "ctlr.toml"
    file.write_text(text)
    return load_settings(file)


def test_nodes_are_addresses_or_named(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        'nodes = ["melb-01-cam-01:8080", { name = "bench", address = "127.0.0.1:9001" }]',
    )
    assert settings.nodes == (
        NodeAddress(name="melb-01-cam-01", address="melb-01-cam-01:8080"),
        NodeAddress(name="bench", address="127.0.0.1:9001"),
    )


def test_no_nodes_and_no_file_are_valid(tmp_path: Path) -> None:
    settings = load(tmp_path, "nodes = []")
    assert settings.nodes == ()
    assert (settings.start_delay_ms, settings.min_cameras, settings.api.port) == (3000, 1, 8000)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTLR_API__PORT", "9000")
    monkeypatch.setenv("CTLR_START_DELAY_MS", "100")
    settings = load(tmp_path, "start_delay_ms = 1\n[api]\nport = 8001\nhost = '127.0.0.1'")
    assert (settings.api.port, settings.start_delay_ms) == (9000, 100)
    assert settings.api.host == "127.0.0.1"


def test_the_file_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CTLR_CONFIG", raising=False)
    (tmp_path / "ctlr.toml").write_text("start_delay_ms = 1")
    (tmp_path / "named.toml").write_text("start_delay_ms = 2")
    (tmp_path / "given.toml").write_text("start_delay_ms = 3")
    assert load_settings().start_delay_ms == 1
    monkeypatch.setenv("CTLR_CONFIG", str(tmp_path / "named.toml"))
    assert load_settings().start_delay_ms == 2
    assert load_settings(tmp_path / "given.toml").start_delay_ms == 3


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("start_dealy_ms = 1", "start_dealy_ms"),
        ("[api]\nprot = 1", "api.prot"),
        ("[api]\nport = 0", "api.port"),
        ("[api]\nport = 65536", "api.port"),
        ("start_delay_ms = -1", "start_delay_ms"),
        ('nodes = ["cam"]', "nodes"),
        ('nodes = ["cam:0"]', "nodes"),
        ('nodes = ["cam:http"]', "nodes"),
        ('nodes = ["10.0.0.5:8080"]', "nodes"),
        ('nodes = ["phone:8080"]', "nodes"),
        ('nodes = ["a:1", "a:2"]', "nodes"),
        ('nodes = [{ name = "../x", address = "a:1" }]', "nodes"),
        ('node = "can"', "node"),
        ('[storage]\nsession_folder = "{date}"', "session_folder"),
        ('[storage]\nsession_folder = "../{uuid}"', "session_folder"),
        ('[storage]\nsession_folder = "{nothing}{uuid}"', "session_folder"),
        ('[storage]\nsession_folder = ".{uuid}"', "session_folder"),
        ("[camera]\nwidth = 641", "camera.width"),
        ("[camera]\nrotation = 45", "camera.rotation"),
        ('[camera]\ncontroller = "ctlr:8000"', "camera.controller"),
        ('[camera]\ncontroller = "http://"', "camera.controller"),
        ('[camera]\ncontroller = "http://a:b:c"', "camera.controller"),
        ('[camera]\ncontroller = "ftp://ctlr:8000"', "camera.controller"),
        ('[camera]\ntarget = "ctlr/logging/"', "camera.target"),
        ('[camera]\ntarget = "rsync://ctlr"', "camera.target"),
        ('[camera]\ntarget = "http://ctlr/logging/"', "camera.target"),
        ("api = 5", "api"),
        ("= 5", "ctlr.toml"),
    ],
)
def test_a_bad_value_is_one_line_with_its_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    message = str(refused.value)
    assert key in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0"])
def test_a_file_that_is_no_text_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ctlr.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings(file)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CTLR_APY__PORT", "1"), ("CTLR_API__PORT", "web"), ("CTLR_API__PROT", "1"), ("CTLR_X", "")],
)
def test_a_bad_environment_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, "")
    assert "\n" not in str(refused.value)


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTLR_MQTT__USERNAME", "melb-01-ctlr")
    monkeypatch.setenv("CTLR_MQTT__PASSWORD", "hunter2")
    monkeypatch.setenv("CTLR_LOGS__LOKI_PASSWORD", "hunter2")
    settings = load_settings()
    assert settings.mqtt.password is not None
    assert settings.mqtt.password.get_secret_value() == "hunter2"
    for shown in (settings.model_dump_json(), str(settings), repr(settings)):
        assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("CTLR_MQTT__PASSWORD", "x", "a password needs a username"),
        ("CTLR_MQTT__CA_FILE", "/ca.pem", "tls = true"),
        ("CTLR_LOGS__LOKI_URL", "loki:3100", "loki_url"),
    ],
)
def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=complaint):
        load_settings()


def test_the_default_spool_has_the_nodes_name(tmp_path: Path) -> None:
    assert load(tmp_path, 'node = "cam-a"').camera.spool == Path("/var/lib/ctlr/spool/cam-a")
    given = load(tmp_path, 'node = "cam-a"\n[camera]\nspool = "/data"\nport = 9000')
    assert (given.camera.spool, given.camera.port) == (Path("/data"), 9000)


def test_where_the_controller_is_may_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTLR_URL", "http://melb-01-ctlr:8000")
    assert load(tmp_path, "node = 'melb-02-cam'").node == "melb-02-cam"


@pytest.mark.parametrize("url", ["http://ctlr:8000", "https://10.0.0.1", "http://[fe80::1]:8000/"])
def test_a_controller_is_an_address_with_its_scheme(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, f'[camera]\ncontroller = "{url}"').camera.controller == url


@pytest.mark.parametrize(
    "target", ["rsync://ctlr/logging/", "pi@ctlr:/mnt/logging/", "ctlr::logging", "/data"]
)
def test_a_target_is_a_module_a_folder_over_ssh_or_a_folder(tmp_path: Path, target: str) -> None:
    assert load(tmp_path, f'[camera]\ntarget = "{target}"').camera.target == target


def test_a_byte_order_mark_before_the_text_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "ctlr.toml"
    file.write_bytes(b'\xef\xbb\xbfnode = "cam-a"\r\n[api]\r\nport = 81\r\n')
    settings = load_settings(file)
    assert (settings.node, settings.api.port) == ("cam-a", 81)
