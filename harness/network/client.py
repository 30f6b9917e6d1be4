"""The control API of one Toxiproxy server, blocking, every call with a time limit.

The wire work is done by the PyPI client toxiproxy-python; this class adds what it lacks, so that nothing else in the
harness needs to know: several servers in one process (a subclass of the client's `APIConsumer` per server, because
host and port are attributes of the class), one kept-alive session, a time limit, a 5xx that counts as a failure,
`add_toxic` that returns and compares what the server made of it, `update_toxic`, and errors with a way out.

The asyncio side of the harness is `harness.network.network`; it calls this through a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from toxiproxy.api import APIConsumer, validate_response  # type: ignore[import-untyped]
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists  # type: ignore[import-untyped]

from harness.errors import FaultError, Problem
from harness.network.faults import Passed, Toxic

__all__ = ["ProxyState", "ToxiproxyClient", "Unresponsive"]

_BYTES_LINE = re.compile(r"toxiproxy_proxy_(received|sent)_bytes_total\{([^}]*)\} (\S+)")


class Unresponsive(FaultError):
    """The control API gave no answer: it hangs, or the process is gone. The server has to be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyState:
    """What the server says of one proxy.

    name: the link's name.
    port: where it listens on loopback.
    upstream: `host:port` that it forwards to.
    enabled: whether it listens.
    toxics: names of the toxics on it.
    """

    name: str
    port: int
    upstream: str
    enabled: bool
    toxics: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Nothing stands in the way of traffic."""
        return self.enabled and not self.toxics


class ToxiproxyClient:
    """One server's control API.

    Args:
        port: where the API listens on loopback.
        limit_s: how long a call may take before the server counts as hung.
    """

    def __init__(self, port: int, *, limit_s: float = 2.0) -> None:
        self.port = port
        self.limit_s = limit_s
        self._session = requests.Session()
        # A proxy from the environment must never stand between the harness and loopback, and looking for one costs
        # more than the call.
        self._session.trust_env = False
        self._api = _api_for(port, self._session, limit_s)

    def close(self) -> None:
        """Closes the kept-alive connection."""
        self._session.close()

    def version(self) -> str:
        """The version that the server reports of itself; `git` when it was built by `go install`."""
        return str(self._call("read the version", lambda: self._api.get("/version")).json()["version"])

    def proxies(self) -> dict[str, ProxyState]:
        """All proxies by name, in one call."""
        answer = self._call("list the proxies", lambda: self._api.get("/proxies")).json()
        return {name: _state(record) for name, record in answer.items()}

    def proxy(self, name: str) -> ProxyState:
        """One proxy."""
        return _state(self._call(f"read link {name}", lambda: self._api.get(_path(name))).json())

    def create(self, name: str, upstream: str, *, host: str = "127.0.0.1", port: int = 0) -> ProxyState:
        """Makes a proxy. Port 0 lets the kernel choose; the answer names the real one."""
        body = {"name": name, "listen": f"{host}:{port}", "upstream": upstream, "enabled": True}
        return _state(self._call(f"create link {name}", lambda: self._api.post("/proxies", json=body)).json())

    def delete(self, name: str) -> None:
        """Removes a proxy; its connections are closed."""
        self._call(f"delete link {name}", lambda: self._api.delete(_path(name)))

    def enable(self, name: str, enabled: bool) -> None:
        """Makes a proxy listen again, or stop listening and cut its live connections.

        Raises:
            FaultError: the server says otherwise afterwards.
        """
        what = f"{'enable' if enabled else 'disable'} link {name}"
        answer = self._call(what, lambda: self._api.post(_path(name), json={"enabled": enabled})).json()
        _require(answer["enabled"] == enabled, what, f"enabled={enabled}", f"enabled={answer['enabled']}")

    def add_toxic(self, name: str, toxic: Toxic) -> None:
        """Puts a toxic on a proxy.

        Raises:
            FaultError: the server refused it, or made something else of it.
        """
        what = f"put toxic {toxic.name} on link {name}"
        asked = {
            "name": toxic.name,
            "type": toxic.type,
            "stream": toxic.stream,
            "toxicity": 1.0,
            "attributes": dict(toxic.attributes),
        }
        got = self._call(what, lambda: self._api.post(_path(name, "toxics"), json=asked)).json()
        _require(_covers(got, asked), what, str(asked), str(got))

    def update_toxic(self, name: str, toxic: Toxic) -> None:
        """Gives a toxic that is there other attributes.

        Raises:
            FaultError: it is not there, or the server made something else of it.
        """
        what = f"change toxic {toxic.name} on link {name}"
        asked = {"toxicity": 1.0, "attributes": dict(toxic.attributes)}
        got = self._call(what, lambda: self._api.post(_path(name, "toxics", toxic.name), json=asked)).json()
        _require(_covers(got, asked), what, str(asked), str(got))

    def remove_toxic(self, name: str, toxic: str) -> None:
        """Takes a toxic off a proxy.

        Raises:
            FaultError: it was not there.
        """
        what = f"take toxic {toxic} off link {name}"
        self._call(what, lambda: self._api.delete(_path(name, "toxics", toxic)))

    def reset(self) -> None:
        """Removes all toxics and enables all proxies."""
        self._call("reset", lambda: self._api.post("/reset"))

    def bytes_passed(self, name: str) -> Passed:
        """The bytes that ended connections of one proxy carried. The server must run with `-proxy-metrics`."""
        text = self._call("read the metrics", lambda: self._api.get("/metrics")).text
        counts = {"request_in": 0, "request_out": 0, "reply_in": 0, "reply_out": 0}
        for way, labels, value in _BYTES_LINE.findall(text):
            if f'proxy="{name}"' in labels:
                part = "request" if 'direction="upstream"' in labels else "reply"
                counts[f"{part}_{'in' if way == 'received' else 'out'}"] += int(float(value))
        return Passed(**counts)

    def _call(self, what: str, call: Callable[[], requests.Response]) -> requests.Response:
        try:
            response = call()
        except requests.RequestException as error:
            raise Unresponsive(_no_answer(what, self.port, self.limit_s, error)) from error
        except (InvalidToxic, NotFound, ProxyExists) as error:
            raise FaultError(_refused(what, type(error).__name__, error.args[0])) from error
        if not response.ok:
            raise FaultError(_refused(what, f"HTTP {response.status_code}", response.content))
        return response


def _api_for(port: int, session: requests.Session, limit_s: float) -> type[APIConsumer]:
    """A class of the client for one server; the three methods are the client's own, on a session with a limit."""

    class Api(APIConsumer):  # type: ignore[misc]
        @classmethod
        def get(cls, url: str, params: Any = None, **kwargs: Any) -> Any:
            return validate_response(session.get(base + url, params=params, timeout=limit_s, **kwargs))

        @classmethod
        def post(cls, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Any:
            return validate_response(session.post(base + url, data=data, json=json, timeout=limit_s, **kwargs))

        @classmethod
        def delete(cls, url: str, **kwargs: Any) -> Any:
            return validate_response(session.delete(base + url, timeout=limit_s, **kwargs))

    Api.port = port
    base = f"http://{Api.host}:{Api.port}"
    return Api


def _path(*parts: str) -> str:
    return "/proxies/" + "/".join(quote(part, safe="") for part in parts)


def _state(record: dict[str, Any]) -> ProxyState:
    return ProxyState(
        name=record["name"],
        port=int(record["listen"].rpartition(":")[2]),
        upstream=record["upstream"],
        enabled=record["enabled"],
        toxics=tuple(toxic["name"] for toxic in record.get("toxics") or ()),
    )


def _covers(got: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """The answer says everything that was asked; it may say more (attributes with their defaults)."""
    return all(
        _covers(got.get(key) or {}, value) if isinstance(value, Mapping) else got.get(key) == value
        for key, value in asked.items()
    )


def _require(condition: bool, what: str, expected: str, got: str) -> None:
    if not condition:
        raise FaultError(Problem(what=f"Toxiproxy did not {what} as asked.", expected=expected, got=got))


def _refused(what: str, kind: str, content: bytes | str) -> Problem:
    text = content.decode(errors="replace") if isinstance(content, bytes) else str(content)
    return Problem(what=f"Toxiproxy refused to {what}.", got=f"{kind}: {text.strip()}")


def _no_answer(what: str, port: int, limit_s: float, error: Exception) -> Problem:
    return Problem(
        what=f"Toxiproxy's control API did not {what}.",
        where=f"127.0.0.1:{port}",
        expected=f"an answer within {limit_s:g} s",
        got=type(error).__name__,
        evidence=str(error),
    )
