"""Does a system do what its manifest says, before anything is hurt? Read off the history of its fault-free run.

Each function yields problems, each with the line to write or the thing to look at. They are asked in order: what keeps
work from being accepted explains everything that follows, so the others are not asked then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.errors import Problem
from harness.history import History, Kind
from harness.manifest.model import Effect, Node, Request
from harness.runner.case import CaseRun
from harness.runner.system import System
from harness.runner.universe import Universe

__all__ = ["absent", "never_attempted", "never_counted", "not_accepted", "unread", "unused_links"]


def not_accepted(system: System, run: CaseRun) -> Iterator[Problem]:
    """No submit had an accepted answer."""
    answers = run.history.of(Kind.ANSWER)
    if any(event.data["outcome"] == "ok" for event in answers):
        return
    last = answers[-1].data if answers else {}
    if system.submit.publish:
        yield _not_confirmed(system, last.get("detail", ""))
        return
    yield Problem(
        what=f"{system.name} accepts no work, even without faults",
        where=f"{system.manifest.path}  submit",
        expected=f"one of the accepted answers {system.submit.accepted}",
        got=f"status {last['status']} {last['detail']}".strip() if last.get("status") else last.get("detail", ""),
        evidence=_last_words(run, system.process_of(system.submit.node)),
        fix=_accept(system, last.get("status")),
    )


def _last_words(run: CaseRun, process: str) -> str:
    """What a process printed last; empty where it printed nothing."""
    said = run.printed.get(process, "")
    return f"{said}\n(the last that {process} printed)" if said else ""


def _accept(system: System, status: int | None) -> str:
    """The way out, by what the answer usually means."""
    request = system.submit.request
    if status is None:
        return f"timeout_s = {2 * system.submit.timeout_s:g}   in [submit], if it only takes longer; else let it answer"
    if status in (404, 405) and request:
        return f'request = {{ method = "{request.method}", path = "..." }}   in [submit], with a path that it serves'
    if status in (400, 401, 403, 415, 422) and request:
        return "json = { ... } and headers = { ... }   of the request in [submit], as the service wants them"
    if status >= 500:
        return "mend the service: it fails on a request without any fault"
    return f"accepted = [{status}]   in [submit], if that means accepted"


def _not_confirmed(system: System, detail: str) -> Problem:
    publish = system.submit.publish
    assert publish is not None
    return Problem(
        what=f"{publish.resource!r} takes no work under {publish.subject!r}, even without faults",
        where=f"{system.manifest.path}  submit.publish",
        expected="its confirm",
        got=detail or "none",
        fix="let a service create the stream for this subject when it starts, or mend `subject`",
    )


def unread(system: System, run: CaseRun) -> Iterator[Problem]:
    """Stores that gave no answer when everything was at rest: nothing could be said about them in any case."""
    for where, why in run.unread.items():
        yield Problem(
            what=f"{where} cannot be read, even without faults",
            where=f"{system.manifest.path}  {'pending of' if '->' in where else 'effect'} {where}",
            expected="work ids, or an empty answer",
            got=why,
            fix="mend the query, address or command, or let the store exist when the system is ready",
        )


def absent(system: System, run: CaseRun) -> Iterator[Problem]:
    """Readers of pending work that looked for something which does not exist even when work has gone through.

    A misspelt table reads like an empty one, and "nothing pending" would then be said of every case.
    """
    for where, what in run.absent.items():
        if where in system.triggered_edges:
            yield Problem(
                what=f"pending work of {where} is read from something that does not exist, even without faults",
                where=f"{system.manifest.path}  pending of {where}",
                expected="the table, file or stream that holds it",
                got=what,
                fix="mend the name in the query or address, or let the service create it when it starts",
            )


def never_attempted(system: System, run: CaseRun) -> Iterator[Problem]:
    """World effects that no accepted work had: the call was not made, went past the proxy, or says not for whom."""
    works = {event.work for event in run.history.of(Kind.SUBMIT)}
    attempts = run.history.of(Kind.ATTEMPT)
    declared = {effect.name for effect in system.effects}
    unknown = sorted({event.where for event in attempts} - declared)
    for effect in system.forward_effects:
        works_seen = {event.work for event in attempts if event.where == effect.name}
        if effect.at and not works_seen:
            yield _never_attempted(system, effect, unknown, run)
        elif effect.at and not works_seen <= works:
            yield _without_work_id(system, effect)


def never_counted(system: System, run: CaseRun) -> Iterator[Problem]:
    """Effects at rest that accepted work never had, though their store could be read."""
    works = {event.work for event in run.history.of(Kind.ANSWER) if event.data["outcome"] == "ok"}
    counted: dict[str, set[str]] = {}
    for event in run.history.of(Kind.ROWS):
        counted.setdefault(event.where, set()).update(event.data["counts"])
    for effect in system.stored_effects:
        if effect.compensates:
            continue  # without faults nothing is to be undone
        seen = counted.get(effect.name, set())
        if works and effect.name not in run.unread and not works & seen:
            yield Problem(
                what=f"effect {effect.name!r} was never counted, even without faults",
                where=f"{system.manifest.path}  node with effect {effect.name!r}",
                expected=f"a row for each of {', '.join(sorted(works))}, which is the work id or contains it",
                got=", ".join(sorted(seen)) or run.absent.get(effect.name) or "no row at all",
                fix=_COUNTED_NOWHERE if effect.name in run.absent else _COUNTED_WITHOUT_ID,
            )


_COUNTED_WITHOUT_ID = "let the source answer one row for each application of the effect, with the work id in it"
_COUNTED_NOWHERE = "mend the name in the query or address: nothing is there even after work has gone through"


def _never_attempted(system: System, effect: Effect, unknown: list[str], run: CaseRun) -> Problem:
    process = system.process_of_effect(effect.name)
    if unknown:
        got = f"calls at /{', /'.join(unknown)} instead"
        fix = f'name = "{unknown[0]}", at = "POST {{link:world}}/{unknown[0]}"   if that is the effect'
    else:
        got = "no call: the service does not make it, or does not use the address it was given"
        fix = f'env = {{ WORLD_URL = "{{link:world}}" }}   under the name that process {process!r} reads'
    return Problem(
        what=f"effect {effect.name!r} was never attempted, even without faults",
        where=f"{system.manifest.path}  node with effect {effect.name!r}",
        expected=f"a call {effect.at} on the link {process}->world",
        got=got,
        evidence=_last_words(run, process),
        fix=fix,
    )


def _without_work_id(system: System, effect: Effect) -> Problem:
    return Problem(
        what=f"calls for effect {effect.name!r} carry no work id that was submitted",
        where=f"{system.manifest.path}  node with effect {effect.name!r}",
        expected="the id of the work in the header X-Work-Id, or in the JSON body as id or work",
        got="none, or another one",
        fix="headers={'X-Work-Id': work_id}   in the service's call to the world",
    )


async def unused_links(universe: Universe, history: History) -> list[Problem]:
    """Links over which nothing went although the work got there, or nothing that could be told apart."""
    system = universe.system
    delivered = {(event.where, event.data["node"]) for event in history.of(Kind.DELIVER)}
    problems = []
    for user, target in sorted(system.links):
        name = f"{user}->{target}"
        nodes = [node for node in system.manifest.node if node.process == target and node.route]
        called = {edge.to for edge in system.manifest.edge if system.process_of(edge.from_) == user}
        called |= {system.submit.node} if user == "client" else set()
        called -= system.compensating_nodes
        blind = [node for node in nodes if node.name in called and (name, node.name) not in delivered]
        if not blind and target not in system.resource_names:
            continue
        used = await _used(universe, name)
        if not used:
            problems.append(_past_the_proxy(system, user, target))
        elif blind:
            problems.append(_not_told_apart(system, name, blind[0]))
    return problems


async def _used(universe: Universe, name: str) -> bool:
    """Bytes went through; counted when the case's connections have ended."""
    passed = await universe.link(name).bytes_passed()
    return passed.request_in + passed.reply_in > 0


def _past_the_proxy(system: System, user: str, target: str) -> Problem:
    return Problem(
        what=f"process {user!r} does not use the address it was given for {target!r}",
        where=f"{system.manifest.path}  process {user!r}, env",
        expected=f"calls through the link {user}->{target}",
        got="none in a fault-free run, so no fault on this link would hit anything",
        fix=f'let {user!r} read its address from the variable that holds "{{link:{target}}}"',
    )


def _not_told_apart(system: System, link: str, node: Node) -> Problem:
    places = list(_places_of_the_id(system.submit.request)) if link.startswith("client->") else []
    where = " or ".join(f'"{place}"' for place in places[1:])
    return Problem(
        what=f"requests on the link {link} are no invocations of node {node.name!r} with a work id",
        where=f"{system.manifest.path}  node {node.name!r}",
        expected=f"{node.route} with the work id in {node.work_id or 'header:X-Work-Id'}",
        got="requests, and none of them like that",
        fix=f'work_id = "{places[0]}"   {f"or {where}, " if where else ""}where the request in [submit] carries it'
        if places
        else 'work_id = "header:X-Work-Id"   or "json:/id", where the request really has it; and its real route',
    )


def _places_of_the_id(request: Request | None) -> Iterator[str]:
    """Where the request in [submit] carries the work id, as `work_id` says it; the body and the path first."""
    if request is None:
        return
    yield from (f"json:{place}" for place in _places_in(request.json_, ""))
    if "{work}" in request.path.split("?")[0].split("/"):
        yield f"path:{request.path.split('?')[0]}"
    yield "header:X-Work-Id"


def _places_in(value: Any, place: str) -> Iterator[str]:
    """The JSON pointers of `{work}` in a body."""
    if value == "{work}":
        yield place
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _places_in(each, f"{place}/{key}")
