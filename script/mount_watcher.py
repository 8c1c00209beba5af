#!/usr/bin/env -S sh -c 'exec "$(dirname "$(readlink -f "$0")")/../.venv/bin/python" "$0" "$@"'
"""Watch the two mounts, with the interpreter of this checkout's .venv."""

import sys

from ctlr.cli import main

sys.argv.insert(1, "watch-mounts")
main()
