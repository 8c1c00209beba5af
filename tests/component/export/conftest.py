"""The drive of the reader's tests."""

from tests.component.reader.conftest import copy, drive

__all__ = ["copy", "drive"]
