"""The OpenAPI document: ``python -m ctlr.api.openapi > docs/reference/openapi.json``.

A router touches the running parts only when it is asked something, so the routes can be
described without a controller behind them. The committed document is what other programs are
written against; a test compares it with the code.
"""

import json
import sys

from ctlr.api.server import ROUTERS, create_routes


def document() -> str:
    """The document as JSON text with a newline at its end; the same for the same routes."""
    routes = create_routes(router(None) for router in ROUTERS)
    return json.dumps(routes.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
