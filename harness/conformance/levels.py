"""How much a manifest lets the suite see: levels L0 to L4, what each one unlocks, and what the next one asks for.

Pure: it reads declarations. Whether the declarations are true is what `retrigger check` and the fault-free run of every
campaign find out. A property is claimed where its own level's needs are met; the level reached is the highest one below
which nothing is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.checks import PROPERTIES
from harness.manifest.model import Manifest, Node
from harness.manifest.placeholders import links

__all__ = ["LEVELS", "Gap", "Level", "Reached", "level_of", "placement_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that a level asks for and the manifest does not say. what: in words. fix: the lines to write."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level. name: `L0`. adds: what the user adds, in words. unlocks: ids of properties. lacks: what is missing."""

    name: str
    adds: str
    unlocks: tuple[str, ...]
    lacks: Callable[[Manifest], Iterator[Gap]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a manifest reaches.

    level: the highest level with nothing missing in it or below; empty where not even the minimum is met.
    claimed: properties that are judged. not_claimed: those that are not, with the reason, a line each.
    next: the first level that lacks something, and what; None at the top.
    """

    level: str
    claimed: tuple[str, ...]
    not_claimed: tuple[str, ...]
    next: tuple[Level, tuple[Gap, ...]] | None


def level_of(manifest: Manifest) -> Reached:
    """Reads the level off a manifest that was read for running."""
    judged = {known.id for known in PROPERTIES}
    blind = {p for p, table in (("P7", manifest.journal), ("P13", manifest.parked)) if not table}
    gaps = {level.name: tuple(level.lacks(manifest)) for level in LEVELS}
    lacking = next((level for level in LEVELS if gaps[level.name]), None)
    below = LEVELS if lacking is None else LEVELS[: LEVELS.index(lacking)]
    return Reached(
        level=below[-1].name if below else "",
        claimed=tuple(p for level in LEVELS if not gaps[level.name] for p in level.unlocks if p in judged - blind),
        not_claimed=(*_not_claimed(gaps, judged - blind), *(f"{p} ({NEEDS[p]})" for p in sorted(blind))),
        next=(lacking, gaps[lacking.name]) if lacking else None,
    )


def _not_claimed(gaps: dict[str, tuple[Gap, ...]], judged: set[str]) -> Iterator[str]:
    for level in LEVELS:
        blind = [p for p in level.unlocks if p in judged]
        if gaps[level.name] and blind:
            yield f"{' '.join(blind)} ({level.name}: {'; '.join(gap.what for gap in gaps[level.name])})"
    missing = [p for level in LEVELS for p in level.unlocks if p not in judged and p not in NEEDS]
    if missing:
        yield f"{' '.join(missing)} (not judged by this version)"


def placement_of(manifest: Manifest) -> str:
    """Who places the triggers of this system, in a word: caller, callee, engine, upstream, mixed, or none."""
    placed = {edge.trigger.placement for edge in manifest.edge if edge.trigger}
    if len(placed) > 1:
        return "mixed"
    if placed:
        return placed.pop()
    waited_for = manifest.submit is not None and manifest.submit.root != "none"
    return "upstream" if waited_for else "none"


def _minimum(manifest: Manifest) -> Iterator[Gap]:
    if not any(node.effects for node in manifest.node):
        node = manifest.node[0].name if manifest.node else "orders"
        yield Gap(
            what=f'an effect that can be counted, of node "{node}" or another',
            fix='effects = [{ name = "charge", at = "POST {link:world}/charge" }]',
        )


def _links(manifest: Manifest) -> Iterator[Gap]:
    known = links(manifest)
    carriers = {process.name for process in manifest.process} - {node.process for node in manifest.node}
    for edge in manifest.edge:
        caller, callee = _node(manifest, edge.from_), _node(manifest, edge.to)
        reaching = {user for user, target in known if target == callee.process} & {caller.process, *carriers}
        if callee.route and caller.process != callee.process and not reaching:
            yield _unlinked(caller.process, callee.process)
    for resource in manifest.resource:
        if all(target != resource.name for _, target in known):
            yield _unlinked(manifest.process[0].name if manifest.process else "PROCESS", resource.name)


def _unlinked(user: str, target: str) -> Gap:
    name = target.upper().replace("-", "_").replace(".", "_")
    return Gap(
        what=f"{user} reaches {target} through a link",
        fix=f'env = {{ {name}_URL = "{{link:{target}}}" }}   in process "{user}", under the name that it reads',
    )


def _node(manifest: Manifest, name: str) -> Node:
    return next(node for node in manifest.node if node.name == name)


def _work_ids(manifest: Manifest) -> Iterator[Gap]:
    routed = {node.process for node in manifest.node if node.route}
    processes = {process.name for process in manifest.process}
    for user, target in sorted(links(manifest)):
        if target in processes and target not in routed:
            yield Gap(
                what=f"a route with a work id on the way {user}->{target}",
                fix=f'route = "POST /..."\nwork_id = "header:X-Work-Id"   in the node of process "{target}"',
            )
    for edge in manifest.edge:
        caller, callee = _node(manifest, edge.from_), _node(manifest, edge.to)
        called = edge.awaits and edge.trigger is None  # with a trigger the work gets there through a store
        if called and not callee.route and caller.process != callee.process:
            yield Gap(
                what=f"a route with a work id for node {callee.name}, which {caller.name} calls",
                fix=f'route = "POST /..."\nwork_id = "header:X-Work-Id"   in node "{callee.name}"',
            )


def _readers(manifest: Manifest) -> Iterator[Gap]:
    read = {reader.edge for reader in manifest.pending}
    for edge in manifest.edge:
        if edge.trigger and edge.key not in read:
            yield Gap(
                what=f"a reader of pending work of {edge.key}",
                fix=f'[[pending]]\nedge = "{edge.from_} -> {edge.as_ or edge.to}"\n'
                f'sql = {{ sqlite = "{{data:{_node(manifest, edge.from_).process}}}/FILE.db", '
                'query = "select id from TABLE where done = 0" }',
            )


def _world(manifest: Manifest) -> Iterator[Gap]:
    effects = [effect for node in manifest.node for effect in node.effects]
    if effects and not any(effect.at for effect in effects):
        name = effects[0].name
        yield Gap(
            what=f"the world as the partner that is called for {name} or another effect",
            fix=f'at = "POST {{link:world}}/{name}"   in place of sql, and a call there in the service',
        )


NEEDS = {"P7": "no [[journal]]: no step log is read", "P13": "no [[parked]]: no parking place is read"}
"""Properties that need a reader of their own, whatever the level."""

LEVELS = (
    Level(name="L0", adds="the minimum", unlocks=("P1a", "P1b", "P2", "P3", "P5", "P16", "P20"), lacks=_minimum),
    Level(name="L1", adds="links through the proxy", unlocks=("P14",), lacks=_links),
    Level(name="L2", adds="a work id on every hop", unlocks=("P4", "P6", "P9", "P10"), lacks=_work_ids),
    Level(name="L3", adds="a reader of pending work", unlocks=("P11", "P13", "P15", "P19"), lacks=_readers),
    Level(name="L4", adds="the world as partner", unlocks=("P7", "P8", "P12", "P17", "P18"), lacks=_world),
)
"""From nothing but the file's minimum to everything; each level adds to those before it."""
