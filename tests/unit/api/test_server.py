"""How the application is put together."""

from starlette.routing import Route

from ctlr.api.server import ROUTERS, create_routes


def test_every_route_is_made_before_the_first_request() -> None:
    """A router that is included is made at the first request, and the loop stands still for it."""
    routes = create_routes(router(None) for router in ROUTERS).routes
    assert len(routes) > 20
    assert [route for route in routes if not isinstance(route, Route)] == []
