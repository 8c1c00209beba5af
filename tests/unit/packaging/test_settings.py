"""How the installer changes a ``ctlr.toml`` that somebody has written: all of it, or nothing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "packaging/install/settings.py"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", PROGRAM, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def changed(tmp_path: Path, text: str, *pairs: str) -> str:
    file = tmp_path / "ctlr.toml"
    file.write_bytes(text.encode())
    done = run("set", file, *pairs)
    assert done.returncode == 0, done
    assert file.read_bytes() == text.encode()
    return done.stdout


@pytest.mark.parametrize(
    ("text", "pair", "expected"),
    [
        ('node = "a"\n', "node=b", 'node = "b"\n'),
        ("  node='a' # mine\n", "node=b", 'node = "b" # mine\n'),
        ("[camera]\nport = 1\n[api]\nport = 2\n", "api.port=3", "[camera]\nport = 1\n[api]\nport = 3\n"),
        ('# node = "x"\n[camera]\n', "node=b", 'node = "b"\n# node = "x"\n[camera]\n'),
        ("[camera] # one\nfps = 3\n", "camera.device=d", '[camera] # one\ndevice = "d"\nfps = 3\n'),
        ('node = "a"', "storage.sync_device=LABEL=s", 'node = "a"\n\n[storage]\nsync_device = "LABEL=s"\n'),
        ('\ufeffnode = "a"\r\n', "node=b", 'node = "b"\n'),
    ],
)  # fmt: skip
def test_a_value_is_set_where_it_stands(
    tmp_path: Path, text: str, pair: str, expected: str
) -> None:
    assert changed(tmp_path, text, pair) == expected


def test_what_is_so_already_is_not_written_again(tmp_path: Path) -> None:
    text = "node='a'\ncamera.device = \"d\"\n"
    assert changed(tmp_path, text, "node=a", "camera.device=d") == ""


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ('camera = { device = "a" }\n', "camera.device=b"),
        ('camera.device = "a"\n', "camera.device=b"),
        ('[camera]\ndevice = """a\n"""\n', "camera.device=b"),
        ('[camera]\n"device" = "a"\n', "camera.device=b"),
        ('[camera]\nnote = """\n[storage]\n"""\n', "storage.sync=b"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_its_key(
    tmp_path: Path, text: str, pair: str
) -> None:
    file = tmp_path / "ctlr.toml"
    file.write_text(text)
    done = run("set", file, pair)
    assert (done.returncode, done.stdout) == (1, "")
    key, _, value = pair.partition("=")
    assert f'{key} = "{value}"' in done.stderr


def test_a_value_is_read_however_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "ctlr.toml"
    file.write_text("camera = { port = 81 }\nnode = '''a'''\n")
    assert run("get", file, "camera.port", "8080").stdout == "81\n"
    assert run("get", file, "camera.target", "none").stdout == "none\n"
    assert run("get", file, "node").stdout == "a\n"


def test_an_odd_value_comes_back_as_it_was_given(tmp_path: Path) -> None:
    odd = "rtsp://a:b=c@10.0.0.5/s?x=ü#'"
    text = changed(tmp_path, "", f"camera.device={odd}")
    assert tomllib.loads(text) == {"camera": {"device": odd}}
