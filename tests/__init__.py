"""A package, so that programs of the tests find it before the ``tests`` that a library installs."""
