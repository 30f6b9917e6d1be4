"""The rules of a manifest that is to be run: everything that starting, submitting, counting and routing need.

As in `harness.manifest.graph_rules`: a rule is a function from a manifest to complaints, and its docstring is the
sentence that `docs/manifest.md` prints. A manifest from which only boundaries are derived may break all of them.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from harness.manifest.complaint import Complaint, closest
from harness.manifest.graph_rules import Rule, normal_step, own_steps
from harness.manifest.model import Effect, Manifest, Process, Request, Trigger
from harness.manifest.placeholders import WHERE, Placeholder, Use, find, slips, uses
from harness.manifest.source import KeyPath
from harness.manifest.store_rules import OF_STORES, effects_of, sources

__all__ = ["TO_RUN"]

_LIFE = ("start", "app", "main", "url")
_SCHEMES = ("http", "https", "tcp", "postgres", "postgresql")
_AT = re.compile(r"POST \{link:world\}/(?P<name>[A-Za-z0-9_.-]+)")
_PLACEMENTS = {
    "queue": ("caller", "root"),
    "topic": ("caller", "root"),
    "outbox": ("caller", "root"),
    "rpc": ("caller", "root"),
    "inbox": ("callee",),
    "engine": ("engine", "caller", "callee", "root"),
    "timer": ("callee", "caller", "engine", "root"),
    "human": ("root",),
    "caller": ("root",),
}
"""Who can place a trigger of each kind, the usual one first."""


def work_can_be_submitted(manifest: Manifest) -> Iterator[Complaint]:
    """Work enters by exactly one `request` or `publish`."""
    submit = manifest.submit
    request = '{ method = "POST", path = "/orders", json = { id = "{work}" } }'
    if submit is None:
        node = manifest.node[0].name if manifest.node else "orders"
        yield Complaint(
            at=("submit",),
            what="the manifest does not say how work enters",
            expected="a table [submit]",
            fix=f'[submit]\nnode = "{node}"\nrequest = {request}',
        )
    elif (submit.request is None) == (submit.publish is None):
        both = submit.request is not None
        yield Complaint(
            at=("submit", "publish") if both else ("submit",),
            what="work would enter twice" if both else "the manifest does not say how work enters",
            expected="one of request and publish",
            got="both" if both else "neither",
            fix="delete this line" if both else f"request = {request}",
        )


def work_carries_its_id(manifest: Manifest) -> Iterator[Complaint]:
    """The request or message carries `{work}`, the id by which effects are matched with the work."""
    submit = manifest.submit
    way = "request" if submit and submit.request else "publish"
    entry = (submit.request or submit.publish) if submit else None
    texts = [use.text for use in uses(manifest) if use.where == "submit"]
    if entry is None or any(placeholder.word == "work" for text in texts for placeholder in find(text)):
        return
    given = entry.json_ if isinstance(entry.json_, dict) else {}
    body = {"id": ""} | given | {"id": "{work}"}
    yield Complaint(
        at=("submit", way),
        what="the work id is missing: nothing that is submitted carries {work}",
        expected="{work} somewhere in it, so that each effect can be matched with its work",
        value=body,
        to=("submit", way, "json"),
    )


def request_fits_the_route(manifest: Manifest) -> Iterator[Complaint]:
    """The request in [submit] fits the route of its node. A node without one takes method and path of the request."""
    submit = manifest.submit
    nodes = enumerate(manifest.node) if submit and submit.request else ()
    first = next((found for found in nodes if submit and found[1].name == submit.node), None)
    if submit and submit.request and first:
        request, (index, node) = submit.request, first
        if node.route is not None and not _fits(request, node.route):
            yield Complaint(
                at=("node", index, "route"),
                what=f'the tap would not see that the request is an invocation of node "{node.name}"',
                expected="the method and path of the request in [submit]",
                value=f"{request.method} {request.path.partition('?')[0]}",
            )


def _fits(request: Request, route: str) -> bool:
    method, _, path = route.partition(" ")
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    return method == request.method and re.fullmatch(pattern, request.path.partition("?")[0]) is not None


def answers_mean_one_thing(manifest: Manifest) -> Iterator[Complaint]:
    """No status code means both accepted and rejected."""
    submit = manifest.submit
    both = sorted(set(submit.accepted) & set(submit.rejected)) if submit else []
    if submit and both:
        yield Complaint(
            at=("submit", "rejected"),
            what=f"an answer of {both[0]} would mean both accepted and rejected",
            expected="codes that are not in accepted",
            value=[status for status in submit.rejected if status not in both],
        )


def bodies_are_json(manifest: Manifest) -> Iterator[Complaint]:
    """What is submitted as `json` has no dates and no `nan` or `inf`, which JSON does not have."""
    for way in ("request", "publish"):
        entry = getattr(manifest.submit, way, None)
        for at, value in _leaves(("submit", way, "json"), entry.json_ if entry else None):
            finite = not isinstance(value, float) or math.isfinite(value)
            if not (finite and isinstance(value, str | int | float | None)):
                yield Complaint(
                    at=at, what=f"JSON has no value {value}", expected="a text in quotes or a number", value=str(value)
                )


def _leaves(at: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves((*at, key), item)
    else:
        yield at, value


def processes_are_declared(manifest: Manifest) -> Iterator[Complaint]:
    """There is at least one process."""
    if not manifest.process:
        name = manifest.node[0].process if manifest.node else "orders"
        yield Complaint(
            at=("process",),
            what="the manifest has no process, so there is nothing to start",
            expected="one [[process]] for each thing that can be killed",
            fix=f'[[process]]\nname = "{name}"\nstart = ["./{name}", "--port", "{{port}}"]',
        )


def processes_can_be_started(manifest: Manifest) -> Iterator[Complaint]:
    """A process has one of `start`, `app`, `main`, `url`; in a `container` it needs none, and has no `url`."""
    for index, process in enumerate(manifest.process):
        ways = [way for way in _LIFE if getattr(process, way) is not None]
        if process.container and "url" in ways:
            yield Complaint(
                at=("process", index, "url"),
                what=f'process "{process.name}" runs already, and would be run in a container',
                expected="one of container and url",
                got="both",
                fix="delete this line",
            )
        elif len(ways) > 1 or not (ways or process.container):
            yield Complaint(
                at=("process", index, ways[-1]) if ways else ("process", index),
                what=f'process "{process.name}" has {len(ways) or "no"} way{"s" if ways else ""} to come to life',
                expected="exactly one of " + ", ".join(_LIFE) + ("" if ways else ", or a container"),
                got=", ".join(ways) or "none of them",
                value=[f"./{process.name}", "--port", "{port}"],
                to=("process", index, "start"),
                fix="delete this line" if ways else "",
            )


def running_processes_are_only_addressed(manifest: Manifest) -> Iterator[Complaint]:
    """A `url` is host and port of what speaks HTTP; paths stand in `request` and `route`."""
    for index, process in enumerate(manifest.process):
        if process.url is None or not _host(process.url):
            continue
        parts = urlsplit(process.url)
        if parts.scheme != "http" or parts.path not in ("", "/"):
            yield Complaint(
                at=("process", index, "url"),
                what=f'process "{process.name}" is spoken to by HTTP, at paths that its nodes name',
                expected="http://HOST:PORT",
                value=f"http://{parts.netloc}",
            )


def processes_learn_their_port(manifest: Manifest) -> Iterator[Complaint]:
    """A command whose nodes have routes, or that is waited for on its port, gets `{port}` in `start` or `env`."""
    for index, process in enumerate(manifest.process):
        served = any(node.route for node in manifest.node if node.process == process.name)
        waited = process.ready is not None and process.ready != "none"
        astray = any(slip for text in process.texts for slip in slips(text))
        if process.start and (served or waited) and not astray and not _uses(process, "port"):
            yield Complaint(
                at=("process", index),
                what=f'nobody tells process "{process.name}" which port to listen on',
                expected="{port} in start or env",
                value="{port}",
                to=("process", index, "env", "PORT"),
            )


def _placeholders(process: Process) -> list[Placeholder]:
    return [placeholder for text in process.texts for placeholder in find(text)]


def _uses(process: Process, key: str) -> bool:
    return any(placeholder.key == key for placeholder in _placeholders(process))


def _link_targets(manifest: Manifest) -> list[str]:
    return [
        *(process.name for process in manifest.process),
        *(resource.name for resource in manifest.resource),
        "world",
    ]


def addresses_are_local(manifest: Manifest) -> Iterator[Complaint]:
    """A `url`, or an address that is read, is on this machine, or its host is in `allow_hosts`."""
    for at, url, danger in _addresses(manifest):
        if "{link:" in url:
            continue
        host = _host(url)
        if not host:
            yield Complaint(
                at=at, what=f'"{url}" is no address', expected="http://HOST:PORT", value="http://127.0.0.1:8080"
            )
        elif not _is_loopback(host) and host not in manifest.allow_hosts:
            yield Complaint(
                at=at,
                what=f'"{host}" is not on this machine, and {danger}',
                expected="a host on this machine, or one that is listed in allow_hosts",
                value=[*manifest.allow_hosts, host],
                to=("allow_hosts",),
            )


def _addresses(manifest: Manifest) -> Iterator[tuple[KeyPath, str, str]]:
    """Place and text of each, and what would come of a host that nobody meant."""
    for index, process in enumerate(manifest.process):
        if process.url:
            yield ("process", index, "url"), process.url, "faults would be sent there"
    for at, source in sources(manifest):
        if source.http:
            yield (*at, "http"), source.http.removeprefix("GET "), "what others do there would be counted"
        if source.sql and source.sql.postgres:
            yield (*at, "sql", "postgres"), source.sql.postgres, "what others do there would be counted"


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.scheme in _SCHEMES else ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def placeholders_mean_something(manifest: Manifest) -> Iterator[Complaint]:
    """Every placeholder means something where it stands, and what it names is declared."""
    processes = [process.name for process in manifest.process]
    targets = {"data": processes, "link": _link_targets(manifest)}
    for use in uses(manifest):
        for placeholder in find(use.text):
            if placeholder.kind not in WHERE[use.where]:
                yield _misplaced(use, placeholder, targets)
            elif placeholder.name is not None and placeholder.name not in targets[placeholder.word]:
                yield _lost(use, placeholder, targets[placeholder.word])
        for slip, meant in slips(use.text, targets["link"]):
            yield Complaint(
                at=use.at,
                what=f"{slip} is no placeholder, and the service would get it as it is",
                expected=f"{meant}, if that is what is meant",
                value=use.text.replace(slip, meant),
            )


def _misplaced(use: Use, placeholder: Placeholder, targets: dict[str, list[str]]) -> Complaint:
    allowed = WHERE[use.where]
    named = f"{placeholder.word}:"
    if placeholder.word in allowed:
        meant = f"{{{placeholder.word}}}"
    elif named in allowed:
        meant = f"{{{named}{'world' if named == 'link:' else (targets['data'] or ['PROCESS'])[0]}}}"
    else:
        meant = ""
    return Complaint(
        at=use.at,
        what=f"{placeholder} means nothing here",
        expected="one of " + ", ".join(f"{{{kind}NAME}}" if kind[-1] == ":" else f"{{{kind}}}" for kind in allowed),
        value=use.text.replace(str(placeholder), meant),
    )


def _lost(use: Use, placeholder: Placeholder, known: list[str]) -> Complaint:
    meant = closest(placeholder.name or "", known)
    what = "a process, a resource or world" if placeholder.word == "link" else "a process"
    table = "resource" if placeholder.word == "link" else "process"
    way = 'kind = "nats"' if table == "resource" else f'start = ["./{placeholder.name}"]'
    return Complaint(
        at=use.at,
        what=f"{placeholder} names nothing that is declared",
        expected=f"the name of {what}: {', '.join(known)}",
        value=use.text.replace(str(placeholder), f"{{{placeholder.word}:{meant}}}"),
        fix="" if meant else f'[[{table}]]\nname = "{placeholder.name}"\n{way}',
    )


def steps_are_complete(manifest: Manifest) -> Iterator[Complaint]:
    """`steps` leaves out no effect and no edge of its node: a step that never happens would be a loss."""
    for index, node in enumerate(manifest.node):
        given = [normal_step(step) for step in node.steps or ()]
        own = own_steps(node, manifest)
        left_out = [step for step in own if step not in given]
        # A step that is none of its own is a complaint already, and was probably meant for one that seems left out.
        if node.steps is not None and left_out and set(given) <= set(own):
            yield Complaint(
                at=("node", index, "steps"),
                what=f'the steps of node "{node.name}" leave out "{left_out[0]}"',
                expected="each of its effects and edges",
                value=[*given, *left_out],
            )


def effects_at_the_world_are_known(manifest: Manifest) -> Iterator[Complaint]:
    """`at` of an effect is `POST {link:world}/NAME` with the effect's own name."""
    for at, effect in effects_of(manifest):
        if effect.at is not None and (not (match := _AT.fullmatch(effect.at)) or match["name"] != effect.name):
            yield Complaint(
                at=(*at, "at"),
                what=f'the world would not know a call there as effect "{effect.name}"',
                expected="POST {link:world}/NAME, with the name of the effect",
                value=f"POST {{link:world}}/{effect.name.replace('#', '-')}",
            )


def rejections_are_seen(manifest: Manifest) -> Iterator[Complaint]:
    """An effect that may be refused is counted at the world, which is who refuses it."""
    for at, effect in effects_of(manifest):
        if effect.may_reject and effect.at is None:
            yield Complaint(
                at=(*at, "may_reject"),
                what=f'nobody is there to refuse effect "{effect.name}": it is not asked for at the world',
                expected='at = "POST {link:world}/NAME", or no may_reject',
                value=False,
            )


def effects_are_unique(manifest: Manifest) -> Iterator[Complaint]:
    """Effects have names of their own over the whole manifest: they name what is counted."""
    owners: dict[str, str] = {}
    for at, effect in effects_of(manifest):
        node = manifest.node[int(at[1])]
        if owners.setdefault(effect.name, node.name) != node.name:
            yield Complaint(
                at=(*at, "name"),
                what=f'two nodes have an effect "{effect.name}", which could not be told apart',
                expected="a name of its own, also in at",
                value=f"{node.name}-{effect.name}"[:64],
            )


def world_can_be_reached(manifest: Manifest) -> Iterator[Complaint]:
    """A process with effects at the world gets its address, `{link:world}`, in `env` or `start`."""
    targets = _link_targets(manifest)
    for index, process in enumerate(manifest.process):
        effects = [effect.name for _, effect in _effects_in(manifest, process) if effect.at]
        astray = any(link.word == "link" and link.name not in targets for link in _placeholders(process))
        # A link that leads astray is a complaint of its own, and was probably meant for the world.
        if effects and process.url is None and not astray and not _uses(process, "link:world"):
            yield Complaint(
                at=("process", index, "env"),
                what=f'effect "{effects[0]}" of process "{process.name}" cannot be reached through the proxy',
                expected="{link:world} in its env or start: it knows the world by no other address",
                value="{link:world}",
                to=("process", index, "env", "WORLD_URL"),
            )


def _effects_in(manifest: Manifest, process: Process) -> Iterator[tuple[KeyPath, Effect]]:
    for at, effect in effects_of(manifest):
        if manifest.node[int(at[1])].process == process.name:
            yield at, effect


def triggers_agree_with_themselves(manifest: Manifest) -> Iterator[Complaint]:
    """The kind of a trigger can be placed by who is said to place it: an inbox by the callee, a queue by the caller."""
    if manifest.submit and manifest.submit.trigger:
        yield from _placement(("submit", "trigger"), manifest.submit.trigger, root=True)
    for index, edge in enumerate(manifest.edge):
        if edge.trigger:
            yield from _placement(("edge", index, "trigger"), edge.trigger, root=False)


def _placement(at: KeyPath, trigger: Trigger, *, root: bool) -> Iterator[Complaint]:
    usual = [placement for placement in _PLACEMENTS[trigger.kind] if root or placement != "root"]
    if trigger.placement in usual:
        return
    if not usual:
        yield Complaint(
            at=(*at, "kind"),
            what=f"a {trigger.kind} stands before the graph, not between two nodes",
            expected="no trigger here; who stands behind the client is said in [submit]",
            fix=f'root = "{trigger.kind}"   in [submit]',
        )
        return
    yield Complaint(
        at=(*at, "placement"),
        what=f'the {trigger.placement} cannot place a trigger of kind "{trigger.kind}" here',
        expected="placement " + " or ".join(f'"{placement}"' for placement in usual),
        value=usual[0],
    )


TO_RUN: tuple[Rule, ...] = (
    processes_are_declared,
    processes_can_be_started,
    running_processes_are_only_addressed,
    processes_learn_their_port,
    work_can_be_submitted,
    work_carries_its_id,
    request_fits_the_route,
    answers_mean_one_thing,
    bodies_are_json,
    steps_are_complete,
    effects_at_the_world_are_known,
    rejections_are_seen,
    effects_are_unique,
    world_can_be_reached,
    placeholders_mean_something,
    *OF_STORES,
    triggers_agree_with_themselves,
    addresses_are_local,
)
"""What a manifest keeps besides, when the system is to be started."""
