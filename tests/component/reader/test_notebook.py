"""The notebook of the documents does what it shows, from its first cell to its last."""

import json
import os
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).parents[3] / "docs" / "how-to" / "read-a-session.ipynb"


def test_every_cell_runs(drive: Path) -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(cells)],
        env=os.environ | {"SESSION": str(drive)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert "cam-b: frame 40, +0.0 ms" in said  # frame 20 of cam-a, of which a segment is gone
    assert "Gap(source='cam-a'" in said
    assert "cam-b: +2000.00 ms" in said
    assert said.endswith("True () ()\n")
    assert all(c["outputs"] == [] for c in notebook["cells"] if c["cell_type"] == "code")
