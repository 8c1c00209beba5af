"""The one program of the rig that runs as root: a closed list of verbs on two volumes, three units.

``ctlr-privileged.socket`` (``Accept=yes``) starts it once per request, with the connection as its
standard input. It reads one JSON line ``{"verb", "target"}``, answers one JSON line and ends, so
there is no state to corrupt and nothing to wait for. The answer is
``{"ok": true, "result": {...}}`` or ``{"ok": false, "code", "detail", "extra": {...}}``.

What it does is decided by ``/etc/ctlr/ctlr.toml`` alone, which only root may write: a request
names a verb and a target of the lists in ``verbs``, and nothing else. Which attack each rule
stops: packaging/privileged/README.md.
"""
