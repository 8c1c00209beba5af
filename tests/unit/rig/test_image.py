"""What the rig's image is made of."""

from pathlib import Path

import pytest
from rig.image import requirements_for

TEXT = """# made by a tool
av==18.1.0 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
av==19.0.2 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
xxhash==3.7.1 \\
    --hash=sha256:dd
"""
REQUIREMENTS = Path(__file__).parents[3] / "packaging" / "python" / "requirements.txt"


def test_a_release_gets_the_packages_of_its_own_python() -> None:
    chosen = requirements_for("3.11", TEXT)
    assert "av==18.1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb" in chosen
    assert "19.0.2" not in chosen
    assert "sha256:cc" not in chosen
    assert "xxhash==3.7.1 \\\n    --hash=sha256:dd" in chosen
    assert "av==19.0.2 \\\n    --hash=sha256:cc" in requirements_for("3.13", TEXT)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_no_package_is_left_out_or_named_twice(python: str) -> None:
    chosen = requirements_for(python, REQUIREMENTS.read_text()).splitlines()
    names = [line.split("==")[0] for line in chosen if "==" in line]
    assert len(names) == len(set(names))
    assert {"av", "numpy", "xxhash", "pydantic"} <= set(names)
    assert not any(";" in line for line in chosen if not line.startswith("#"))
