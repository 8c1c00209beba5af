"""Which operations there are, by short names and by path.

An operation's id is the name of its function, as clients that are generated call it; where several
groups have one of that name, the group stands before it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def name_operations(document: dict[str, Any], routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI document with an ``operationId`` of its own for each operation."""
    known = [route for route in routes if isinstance(route, APIRoute)]
    of_name = Counter(route.name for route in known)
    for route in known:
        group = route.path.removeprefix("/api").split("/")[1]
        shared = of_name[route.name] > 1 and group != route.name
        name = f"{group}_{route.name}" if shared else route.name
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                operation["operationId"] = name
    return document


def allowed_methods(scope: Scope, routes: Iterable[BaseRoute]) -> str:
    """What the ``Allow`` of a refused method says (RFC 9110, 10.2.1): of all routes of its path, not
    only of the first."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, APIRoute) and route.matches(scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return ", ".join(sorted(found))
