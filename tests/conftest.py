import asyncio


def pytest_configure() -> None:
    # Without this, Python 3.11 makes a loop when pytest-asyncio asks for the current one, which
    # nobody closes; the ResourceWarning for it would fail the run.
    asyncio.set_event_loop(None)
