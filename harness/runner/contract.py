"""Does a system do what its manifest says, before anything is hurt? Read off the history of its fault-free run.

Each function yields problems, each with the line to write or the thing to look at. They are asked in order: what keeps
work from being accepted explains everything that follows, so the others are not asked then.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import Problem
from harness.history import History, Kind
from harness.manifest.model import Effect
from harness.runner.case import CaseRun
from harness.runner.system import System
from harness.runner.universe import Universe

__all__ = ["not_accepted", "uncounted", "unreadable", "unused_links"]


def not_accepted(system: System, run: CaseRun) -> Iterator[Problem]:
    """No submit had an accepted answer."""
    answers = run.history.of(Kind.ANSWER)
    if any(event.data["outcome"] == "ok" for event in answers):
        return
    last = answers[-1].data if answers else {}
    yield Problem(
        what=f"{system.name} accepts no work, even without faults",
        where=f"{system.manifest.path}  submit",
        expected=f"one of the accepted answers {system.submit.accepted}",
        got=f"status {last['status']} {last['detail']}".strip() if last.get("status") else last.get("detail", ""),
        evidence=f"{run.log}\n(the last that {system.process_of(system.submit.node)} printed)",
        fix=_accept(system, last.get("status")),
    )


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


def unreadable(system: System, run: CaseRun) -> Iterator[Problem]:
    """Stores whose reader failed to the end: nothing could be said about them in any case."""
    for name, why in run.unreadable.items():
        edge = name in {pending.edge for pending in system.manifest.pending}
        yield Problem(
            what=f"the {'pending work of ' if edge else 'rows of effect '}{name} cannot be read",
            where=f"{system.manifest.path}  {'pending' if edge else 'effect'} {name}",
            expected="a query that runs, with the work id in its first column",
            got=why,
            fix='query = "select WORK_ID_COLUMN from TABLE"   with names that the service\'s store really has',
        )


def uncounted(system: System, history: History) -> Iterator[Problem]:
    """Effects that no accepted work had: the call was not made, went past the proxy, or could not be told apart."""
    works = {event.work for event in history.of(Kind.SUBMIT)}
    attempts = history.of(Kind.ATTEMPT)
    declared = {effect.name for effect in system.effects}
    anonymous = {event.where for event in attempts if event.work not in works}
    unknown = sorted({event.where for event in attempts} - declared)
    for effect in system.effects:
        if effect.at and not any(event.where == effect.name for event in attempts):
            yield _never_attempted(system, effect, unknown)
        elif effect.at and effect.name in anonymous:
            yield _without_work_id(system, effect)
        elif effect.sql and not _counted(history, effect, works):
            yield _no_rows(system, effect, history)


def _never_attempted(system: System, effect: Effect, unknown: list[str]) -> Problem:
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


def _counted(history: History, effect: Effect, works: set[str]) -> bool:
    rows = [event.data["counts"] for event in history.of(Kind.ROWS) if event.where == effect.name]
    return any(works & counts.keys() for counts in rows)


def _no_rows(system: System, effect: Effect, history: History) -> Problem:
    rows = [event.data["counts"] for event in history.of(Kind.ROWS) if event.where == effect.name]
    others = sorted(rows[-1])[:3] if rows else []
    assert effect.sql is not None
    store = effect.sql.sqlite or effect.sql.postgres or "the store"
    return Problem(
        what=f"no rows of effect {effect.name!r} were ever seen, even without faults",
        where=f"{system.manifest.path}  node with effect {effect.name!r}",
        expected=f"a row with the work id for each piece of work: {effect.sql.query}",
        got=f"rows of other ids: {', '.join(others)}" if others else f"no row, or no such file or table in {store}",
        fix='query = "select WORK_ID_COLUMN from TABLE"   on the file that the service really writes',
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
        blind = [node for node in nodes if node.name in called and (name, node.name) not in delivered]
        if not blind and target not in system.resource_names:
            continue
        used = await _used(universe, name)
        if not used:
            problems.append(_past_the_proxy(system, user, target))
        elif blind:
            problems.append(_not_told_apart(system, name, blind[0].name, blind[0].route or "", blind[0].work_id))
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


def _not_told_apart(system: System, link: str, node: str, route: str, work_id: str | None) -> Problem:
    return Problem(
        what=f"requests on the link {link} are no invocations of node {node!r} with a work id",
        where=f"{system.manifest.path}  node {node!r}",
        expected=f"{route} with the work id in {work_id or 'header:X-Work-Id'}",
        got="requests, and none of them like that",
        fix='work_id = "header:X-Work-Id"   or "json:/id", where the request really has it; and its real route',
    )
