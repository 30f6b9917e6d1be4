"""The library of a process that executes functions: asks the engine for work, and runs it step by step.

A function is ordinary code that does everything with consequences through its `Run`. It may be executed many times,
each time from its first line, and has to come by the same calls in the same order: what lies between the steps must
follow from the input and from their results.

The step that ran when the process died has no journal entry, and runs again: it needs a key of its own. Whatever fails
here, the engine still has the trigger; so a worker that cannot reach it just drops what it was doing.

Source: the post, fig. 8
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from reference_services.settings import report, seconds

__all__ = ["EngineLost", "Function", "Run", "register", "work"]

POLL_S = seconds("POLL_S", 0.5)
"""How often a worker without work asks for some."""
RETRY_S = seconds("RETRY_S", 1.0)
"""Pause before a function is executed again after one of its steps has failed."""

engine = httpx.Client(
    base_url=os.environ["ENGINE_URL"],
    timeout=seconds("ENGINE_TIMEOUT_S", 5.0),
    limits=httpx.Limits(max_keepalive_connections=0),  # an idle connection that died would fail a call for nothing
    trust_env=False,
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # plain HTTP: loading certificates would cost half of a start
)


class EngineLost(Exception):
    """The engine did not answer, or refused: another claim is newer. Nothing more may be done with this claim."""


class Suspended(Exception):
    """The function cannot go on now. for_s: not before so many seconds. child: not before this invocation is done."""

    def __init__(self, for_s: float = 0.0, child: str | None = None) -> None:
        super().__init__(child or f"{for_s:g} s")
        self.for_s, self.child = for_s, child


def register(id: str, function: str, input: Any) -> dict[str, Any]:
    """Has a function run once for this id, however often it is asked for; `done` says whether `result` is there.

    Raises:
        EngineLost: it may be registered or not; ask again with the same id.
    """
    answer: dict[str, Any] = ask("/invocations", {"id": id, "function": function, "input": input})
    return answer


def ask(path: str, body: Mapping[str, Any]) -> Any:
    """The engine's answer."""
    try:
        return engine.post(path, json=body).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise EngineLost(f"{path}: {error!r}") from error


class Run:
    """One execution of one invocation, under one claim.

    input: what it was registered with. epoch: number of the claim; by it others tell an older from a newer.
    """

    def __init__(self, claim: Mapping[str, Any]) -> None:
        self.id: str = claim["id"]
        self.input: Any = claim["input"]
        self.epoch: int = claim["epoch"]
        self._journal: list[tuple[str, Any]] = claim["journal"]
        self._position = 0

    def step(self, name: str, act: Callable[[], Any]) -> Any:
        """The result of `act`, which is called unless the journal has it."""
        return self._served(name) if self._has_entry else self._record(name, act())

    def call(self, function: str, input: Any) -> Any:
        """The result of another function, which has a trigger of its own; who is executed again only attaches to it."""
        if self._has_entry:
            return self._served(function)
        child = f"{self.id}/{self._position}"  # follows from where we are, so it is the same in each execution
        answer = register(child, function, input)
        if not answer["done"]:
            raise Suspended(child=child)
        return self._record(function, answer["result"])

    def sleep(self, for_s: float) -> None:
        """Goes on after so many seconds, counted from the first execution; nobody waits meanwhile."""
        wake_s = self.step("sleep", lambda: time.time() + for_s)
        if (left_s := wake_s - time.time()) > 0:
            raise Suspended(for_s=left_s)

    @property
    def _has_entry(self) -> bool:
        return self._position < len(self._journal)

    def _served(self, name: str) -> Any:
        recorded, result = self._journal[self._position]
        if recorded != name:
            raise RuntimeError(f"{self.id}: the journal has {recorded!r} where the code now does {name!r}")
        self._position += 1
        return result

    def _record(self, name: str, result: Any) -> Any:
        self._tell("journal", position=self._position, name=name, result=result)
        self._journal.append((name, result))
        self._position += 1
        return result

    def execute(self, function: Function) -> None:
        """Runs the function as far as it comes, and tells the engine."""
        try:
            result = function(self)
        except EngineLost:
            raise
        except Suspended as wait:
            self._tell("suspension", for_s=wait.for_s, child=wait.child)
        except Exception as error:  # whatever it is: to give up would leave work that nobody drives any more
            report(error)
            self._tell("suspension", for_s=RETRY_S)
        else:
            self._tell("outcome", result=result)

    def _tell(self, what: str, **said: Any) -> None:
        ask(f"/invocations/{self.id}/{what}", {"epoch": self.epoch, **said})


Function = Callable[[Run], Any]


def work(functions: Mapping[str, Function]) -> None:
    """Executes these functions for ever, one invocation at a time."""
    while True:
        try:
            if claim := ask("/claims", {"functions": list(functions)}):
                Run(claim).execute(functions[claim["function"]])
                continue
        except EngineLost as error:
            report(error)
        time.sleep(POLL_S)
