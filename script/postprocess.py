#!/usr/bin/env -S sh -c 'exec "$(dirname "$(readlink -f "$0")")/../.venv/bin/python" "$0" "$@"'
"""Join one session by hand, with the interpreter of this checkout's .venv: ``--uuid U [--dry-run]``."""

import sys

from ctlr.cli import main

sys.argv.insert(1, "postprocess")
main()
