"""The tap: an HTTP hop on the callee's side of a link, where invocations are counted and can be held.

    caller -> Toxiproxy -> tap -> callee

It counts deliveries per node and work key, and offers two rendezvous: `deliver` (a whole request has come, the callee
has seen nothing) and `reply` (the callee has answered, the caller has seen nothing).
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from harness.history import Kind
from harness.world.http import Request
from harness.world.points import Directive
from harness.world.scene import Scene

__all__ = ["Route", "forward", "tap", "work_id_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a tap tells the invocations of one node apart from other requests.

    node: the node that serves this route. method, path: as in `POST /orders`; `{work}` in the path matches the id.
    work_id: json:/pointer | header:Name | path:/orders/{work}.
    """

    node: str
    method: str
    path: re.Pattern[str]
    work_id: str

    @staticmethod
    def read(node: str, route: str, work_id: str | None) -> Route:
        """Builds a route from the manifest's `route` and `work_id`."""
        method, _, path = route.partition(" ")
        return Route(node=node, method=method, path=_path_pattern(path), work_id=work_id or "header:X-Work-Id")

    def matches(self, request: Request) -> bool:
        """True where this request invokes the node."""
        return request.method == self.method and self.path.fullmatch(request.path) is not None


def _path_pattern(path: str) -> re.Pattern[str]:
    literal = re.escape(path).replace(r"\{work\}", "(?P<work>[^/]+)")
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", literal))


def work_id_of(request: Request, how: str) -> str:
    """The work id that a request carries, or "" where it has none in that place."""
    kind, _, place = how.partition(":")
    if kind == "header":
        return request.headers.get(place.lower(), "")
    if kind == "path":
        match = _path_pattern(place).fullmatch(request.path)
        return match["work"] if match else ""
    return _text(_pointer(request.json(), place))


def _pointer(document: Any, pointer: str) -> Any:
    for part in pointer.strip("/").split("/"):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


async def tap(scene: Scene, link: str, routes: list[Route], port: int, request: Request) -> bytes | None:
    """Handles one request on a link: counts it, lets faults strike on both sides of the callee, passes the answer."""
    route = next((route for route in routes if route.matches(request)), None)
    sent_id = work_id_of(request, route.work_id) if route else ""
    if sent_id in scene.strays:
        return None
    if route is None or not sent_id:
        return await forward(port, request)
    work = scene.key_of(sent_id)
    n = scene.count("deliver", route.node, work)
    scene.history.record(Kind.DELIVER, work=work, where=link, n=n, node=route.node)
    directive = await scene.points.reach("deliver", route.node, work, n, request.arrival)
    if directive is Directive.DROP:
        scene.history.record(Kind.DROP, work=work, where=link, n=n, node=route.node)
        return None
    if directive is Directive.TWICE:
        answer = (await asyncio.gather(forward(port, request), forward(port, request)))[0]
    else:
        answer = await forward(port, request)
    if answer is None:
        return None
    scene.history.record(Kind.REPLY, work=work, where=link, n=n, node=route.node, status=_status(answer))
    directive = await scene.points.reach("reply", route.node, work, n, request.arrival)
    return None if directive is Directive.DROP else answer


async def forward(port: int, request: Request) -> bytes | None:
    """Sends the request to the callee and reads its whole answer; None where it died before it said anything."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        writer.write(request.to_wire())
        return await reader.read(-1) or None
    except OSError:
        return None
    finally:
        writer.close()


def _status(answer: bytes) -> int | None:
    head = answer[:12].split()
    return int(head[1]) if len(head) == 2 and head[1].isdigit() else None
