"""This machine's root folder to change at will: an overlay in namespaces that end with the command.

What a program changes lands in ``changed``, so that nothing of a change stays unseen: not a file,
not a mode, not a time. There is no network, and no systemd to be told anything.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ENTER = """
set -e
cd "$1"
mount -t tmpfs none layers
mkdir layers/upper layers/work
cp -r own layers/
mount -t overlay none -o "lowerdir=$1/layers/own:/,upperdir=$1/layers/upper,workdir=$1/layers/work" root
mount --rbind /proc root/proc
mount --rbind /dev root/dev
mount --bind "$2" root/srv
mount -t tmpfs none root/tmp
mount -t tmpfs none root/run
status=0
chroot root env -C /srv PATH="$PATH" "${@:3}" </dev/null || status=$?
find layers/upper -mindepth 1 -printf '%P\\n' >changed
exit $status
"""
DEADLINE_S = 60


@dataclass
class Told:
    status: int
    stdout: str
    stderr: str
    changed: list[str]


class Machine:
    """``folder`` is the test's; ``checkout`` is what stands in /srv."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self._folder = folder
        self._checkout = checkout
        for name in ("own", "layers", "root"):
            (folder / name).mkdir()

    def write(self, path: str, text: str) -> None:
        """A file of the machine, before anything is run on it."""
        file = self._folder / "own" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *command: str) -> Told:
        isolated = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        words: Sequence[str] = [
            "bash",
            "-c",
            _ENTER,
            "enter",
            str(self._folder),
            str(self._checkout),
        ]
        done = subprocess.run(
            [*isolated, *words, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
        changed = (self._folder / "changed").read_text().splitlines()
        return Told(done.returncode, done.stdout, done.stderr, changed)
