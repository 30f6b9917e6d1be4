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
from harness.world.content import body_of, fingerprint
from harness.world.http import Request
from harness.world.points import Directive
from harness.world.scene import Scene

__all__ = ["Route", "forward", "tap", "work_id_of"]

HOST = "127.0.0.1"
HEAD_BYTES = 1 << 20
"""Longest head of an answer."""
DOOR_TICK_S = 0.005
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)


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
    for escaped in pointer.removeprefix("/").split("/"):
        part = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


async def tap(
    scene: Scene, link: str, routes: list[Route], port: int, request: Request, host: str = HOST
) -> bytes | None:
    """Handles one request on a link: counts it, lets faults strike on both sides of the callee, passes the answer."""
    route = next((route for route in routes if route.matches(request)), None)
    sent_id = work_id_of(request, route.work_id) if route else ""
    if sent_id in scene.strays:
        return None
    if route is None or not sent_id:
        request.arrival.invokes = False
        return await forward(port, request, host=host)
    request.arrival.link = link
    work = scene.key_of(sent_id)
    n = _delivered(scene, link, route, work, request)
    directive = await scene.points.reach("deliver", route.node, work, n, request.arrival)
    if directive is Directive.DROP:
        scene.history.record(Kind.DROP, work=work, where=link, n=n, node=route.node)
        return None
    if directive is Directive.TWICE:
        _delivered(scene, link, route, work, request)
        answer = (await asyncio.gather(*[forward(port, request, scene.door_s, host) for _ in range(2)]))[0]
    else:
        answer = await forward(port, request, scene.door_s, host)
    if answer is None:
        return None
    body = body_of(answer)
    said = body.decode(errors="replace")
    borrowed = scene.borrowed(said, work)
    scene.history.record(
        Kind.REPLY,
        work=work,
        where=link,
        n=n,
        node=route.node,
        status=_status(answer),
        payload=fingerprint(body),
        about=scene.keys_named_in(said),
        late=request.arrival.gone.is_set(),
        **({"borrowed": borrowed} if borrowed else {}),
    )
    directive = await scene.points.reach("reply", route.node, work, n, request.arrival)
    return None if directive is Directive.DROP else answer


def _delivered(scene: Scene, link: str, route: Route, work: str, request: Request) -> int:
    """Writes down one more invocation of the node, and returns its ordinal."""
    n = scene.count("deliver", route.node, work)
    scene.history.record(
        Kind.DELIVER,
        work=work,
        where=link,
        n=n,
        node=route.node,
        payload=fingerprint(request.body),
        key=request.headers.get("idempotency-key", ""),
    )
    return n


async def forward(port: int, request: Request, door_s: float = 0.0, host: str = HOST) -> bytes | None:
    """Sends the request to the callee and reads its answer; None where it died before it said anything.

    A callee that does not listen is waited for as long as `door_s` seconds, and then taken for dead.
    """
    try:
        reader, writer = await _connected(host, port, door_s)
    except OSError:
        return None
    try:
        writer.write(request.to_wire())
        return await _answer(reader, request.method)
    except OSError:
        return None
    finally:
        writer.close()


async def _connected(host: str, port: int, door_s: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the callee. Raises OSError where there is none within `door_s` seconds."""
    end_s = asyncio.get_running_loop().time() + door_s
    while True:
        try:
            return await asyncio.open_connection(host, port, limit=HEAD_BYTES)
        except ConnectionRefusedError:
            if asyncio.get_running_loop().time() >= end_s:
                raise
            await asyncio.sleep(DOOR_TICK_S)


async def _answer(reader: asyncio.StreamReader, method: str) -> bytes | None:
    """As much as the answer says that it is long; up to the end of the stream where it does not say.

    The end alone would not do: it never comes where a child of the callee has inherited the connection, or where the
    callee keeps connections although it was asked to close them. What is torn is passed on torn.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while (_status(head) or 0) // 100 == 1:  # an interim answer; the caller has had his own from the hop
            head = await reader.readuntil(b"\r\n\r\n")
        if method == "HEAD" or _status(head) in (204, 304):
            return head
        length = _CONTENT_LENGTH.search(head)
        return head + await reader.read(-1) if length is None else head + await _exactly(reader, int(length[1]))
    except asyncio.IncompleteReadError as error:
        return error.partial or None


async def _exactly(reader: asyncio.StreamReader, size_bytes: int) -> bytes:
    try:
        return await reader.readexactly(size_bytes)
    except asyncio.IncompleteReadError as error:
        return error.partial


def _status(answer: bytes) -> int | None:
    head = answer[:12].split()
    return int(head[1]) if len(head) == 2 and head[1].isdigit() else None
