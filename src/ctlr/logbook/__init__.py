"""What the whole rig said, kept on the drive: taken from the broker, stored, read again, passed on.

::

    broker -> intake -> tail (memory) -> keeper -> store (logs.db) -> forwarder -> Loki
                                                        |
                                                        +-> reader -> GET /api/logs, ctlr logs

A record is acknowledged to the broker once it is in ``logs.db``, and forwarded from there. So the
process may be killed at any instant and the drive pulled: what is not stored, the broker still
has, and what Loki may have got twice, it drops itself.
"""
