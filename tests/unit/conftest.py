"""``pytest --hypothesis-profile=thorough tests/unit`` hunts for longer."""

from hypothesis import settings

settings.register_profile("quick", max_examples=50, deadline=None)  # no test asserts a time
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile("quick")
