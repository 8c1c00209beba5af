"""``python -m ctlr`` is the command ``ctlr``."""

from ctlr.cli import main

main()
