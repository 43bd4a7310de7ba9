"""Which route a request takes: the stage is the first segment of its path, the rest is the resource's."""

from collections.abc import Iterable

from webhookctl.local.gateway.errors import Refused
from webhookctl.local.gateway.exchange import Exchange
from webhookctl.local.gateway.model import Route

ANY = "ANY"


class Router:
    """Finds routes by method and path. A path is compared as it was sent, segment by segment, without decoding."""

    def __init__(self, stage: str, routes: Iterable[Route]) -> None:
        self._stage = stage
        self._fixed = {(route.method, route.path): route for route in routes if "{" not in route.path}
        self._open = [(route, route.path.split("/")) for route in routes if "{" in route.path]

    def take(self, exchange: Exchange) -> Route:
        """Find the request's route, note it, and leave in `exchange.path` what follows the stage.

        Raises Refused for an unknown stage, and for a path or method without a route, which are answered alike.
        """
        stage, slash, rest = exchange.path.removeprefix("/").partition("/")
        if stage != self._stage:
            raise Refused("FORBIDDEN", "Forbidden")
        exchange.path = f"{slash}{rest}" or "/"
        methods = (exchange.method, ANY)
        for method in methods:
            if route := self._fixed.get((method, exchange.path)):
                exchange.take_route(route, {})
                return route
        segments = exchange.path.split("/")
        for route, wanted in self._open:
            if route.method in methods and (parameters := _parameters(wanted, segments)) is not None:
                exchange.take_route(route, parameters)
                return route
        raise Refused("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")


def _parameters(wanted: list[str], segments: list[str]) -> dict[str, str] | None:
    """The path parameters when a path's segments fit, None when they do not."""
    if len(segments) != len(wanted):
        return None
    found = {}
    for pattern, segment in zip(wanted, segments, strict=True):
        if pattern.startswith("{") and segment:
            found[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return found
