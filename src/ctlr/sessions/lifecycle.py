r"""Which state of a session follows which. Pure.

::

    (idle) -> arming -> recording -> stopping -> collecting -> processing -> done
                 \-> failed                          ^             |  ^       |
                                                     |             v  |       |
                                                     +---------- failed <-----+

``arming``, ``recording`` and ``stopping`` are active: one session at a time. ``stopping`` lasts for
one round of calls; a camera that was out of reach is told again while the session is already
collecting, so that a dead camera never blocks the next recording. ``done`` and ``failed`` are left
again when more data arrives. A session that was stopped before it began, and for which nothing
came, is ``done`` without being processed. A session whose start failed may be armed again from
wherever its uploads have taken it meanwhile.
"""

from ctlr.sessions.model import SessionState as S

_FOLLOWERS: dict[S, frozenset[S]] = {
    S.ARMING: frozenset({S.RECORDING, S.STOPPING, S.FAILED}),
    S.RECORDING: frozenset({S.STOPPING}),
    S.STOPPING: frozenset({S.COLLECTING}),
    S.COLLECTING: frozenset({S.PROCESSING, S.DONE}),
    S.PROCESSING: frozenset({S.DONE, S.FAILED, S.COLLECTING}),
    S.DONE: frozenset({S.PROCESSING, S.COLLECTING}),
    S.FAILED: frozenset({S.PROCESSING, S.COLLECTING, S.ARMING}),
}


class IllegalTransitionError(Exception):
    """A state was to follow that cannot; a programming error, never a user's."""


def check_transition(current: S, following: S) -> None:
    """Raise ``IllegalTransitionError`` unless ``following`` may come after ``current``."""
    if following not in _FOLLOWERS[current]:
        raise IllegalTransitionError(f"a session cannot go from {current} to {following}")
