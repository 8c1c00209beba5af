"""ctlr: a field recording rig in one package; each role is a verb of the command ``ctlr``."""

__version__ = "0.1.0"
