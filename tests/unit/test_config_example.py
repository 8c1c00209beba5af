"""packaging/ctlr.toml.example is complete and true."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ctlr.config import Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / "packaging" / "ctlr.toml.example"
PLACEHOLDERS = {  # their default is to have none
    ("mqtt", "username"),
    ("mqtt", "password"),
    ("mqtt", "ca_file"),
    ("logs", "loki_url"),
    ("logs", "loki_username"),
    ("logs", "loki_password"),
    ("logs", "loki_tenant"),
    ("can", "dbc"),
    ("can", "speed_signal"),
    ("camera", "ssh_config"),
    ("api", "names"),
    ("camera", "names"),
    ("sync", "tolerance_ms"),
    ("camera", "spool"),  # it ends in the node's name
}


@pytest.fixture
def with_defaults() -> dict[str, Any]:
    """The example with each ``#key = value`` line switched on."""
    text = re.sub(r"^#(?=[a-z_]+ = )", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    return tomllib.loads(text)


def test_it_can_be_used_as_it_is() -> None:
    settings = load_settings(EXAMPLE)
    assert [node.name for node in settings.nodes] == ["melb-01-cam-01", "melb-01-cam-02", "bench"]


def test_it_mentions_every_key_and_no_other(with_defaults: dict[str, Any]) -> None:
    assert set(with_defaults) == set(Settings.model_fields)
    for name, field in sections().items():
        assert set(with_defaults[name]) == set(field.model_fields), name


def test_the_defaults_that_it_shows_are_the_defaults(with_defaults: dict[str, Any]) -> None:
    defaults = Settings().model_dump(mode="json")
    for key in ("start_delay_ms", "min_cameras"):
        assert with_defaults[key] == defaults[key]
    settings = Settings()
    for section, shape in sections().items():
        for key, value in with_defaults[section].items():
            if (section, key) not in PLACEHOLDERS:
                shown = getattr(shape.model_validate({key: value}), key)
                assert shown == getattr(getattr(settings, section), key), f"{section}.{key}"


def sections() -> dict[str, type[BaseModel]]:
    found = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = field.annotation
    return found
