"""A system under test as the runner knows it: the manifest, what was derived from it, and the look-ups in between."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.boundaries.derive import Boundaries, Boundary, derive
from harness.boundaries.graph import Effect as Step
from harness.boundaries.unfold import Call, Instance
from harness.boundaries.workflows import Shared, workflows_of
from harness.checks.expectation import (
    Expectation,
    ExpectedBoundary,
    ExpectedCall,
    ExpectedEffect,
    ExpectedNode,
    ExpectedWorkflow,
    ReadEdge,
)
from harness.errors import Problem, UsageError
from harness.manifest.contained import in_containers
from harness.manifest.copies import declared_name, with_copies
from harness.manifest.graph import graph_of
from harness.manifest.load import load
from harness.manifest.model import Effect, Manifest, Node, Pending, Process, Submit
from harness.manifest.placeholders import links
from harness.plans.model import Plan
from harness.runner.budget import Bounds
from harness.runner.foreseen import Foreseen
from harness.targets import Module
from harness.world.world import Endpoint

__all__ = ["System", "open_system"]

CLIENT = "client"
PATIENCE = "patience"


def open_system(path: Path, image: str = "") -> System:
    """Reads the manifest at `path` (a file, or a folder with a retrigger.toml) for running.

    Args:
        path: where. image: of containers in which to run its processes; empty for what the manifest says.

    Raises:
        ManifestError: with every problem found.
    """
    manifest = load(path, purpose="run")
    if image:
        manifest = in_containers(manifest, image)
    manifest = with_copies(manifest)
    return System(manifest=manifest, derived=derive(graph_of(manifest)))


@dataclass(frozen=True, kw_only=True)
class System:
    """One manifest and the boundaries that follow from it. Pure; knows nothing that runs."""

    manifest: Manifest
    derived: Boundaries

    @property
    def name(self) -> str:
        """As in the manifest."""
        return self.manifest.name

    @property
    def submit(self) -> Submit:
        """How work enters."""
        assert self.manifest.submit is not None, "the manifest was read for running"
        return self.manifest.submit

    @cached_property
    def links(self) -> set[tuple[str, str]]:
        """Every pair (user, target) that has a proxy of its own, the client's included."""
        return links(self.manifest) | {(CLIENT, self.entered)}

    @property
    def entered(self) -> str:
        """What the harness's client speaks to: the process of the submitted node, or what stands in front of it."""
        publish = self.submit.publish
        return publish.resource if publish else self.submit.through or self.process_of(self.submit.node)

    @cached_property
    def process_names(self) -> tuple[str, ...]:
        """What is started for each case, in order."""
        return tuple(process.name for process in self.manifest.process if process.url is None)

    @cached_property
    def contained(self) -> tuple[str, ...]:
        """Processes that run in containers."""
        return tuple(process.name for process in self.manifest.process if process.container)

    @cached_property
    def resource_names(self) -> set[str]:
        """Brokers and databases."""
        return {resource.name for resource in self.manifest.resource}

    @cached_property
    def endpoints(self) -> dict[str, Endpoint]:
        """The world's paths."""
        return {
            _path_of(effect): Endpoint(
                effect=effect.name,
                sink=effect.sink,
                retention_s=None if effect.retention_s == "forever" else effect.retention_s,
            )
            for effect in self.effects
            if effect.at
        }

    @cached_property
    def effects(self) -> list[Effect]:
        """All effects, in the order of the nodes."""
        return [effect for node in self.manifest.node for effect in self._in_order(node)]

    def _in_order(self, node: Node) -> list[Effect]:
        """A node's effects in the order of its steps."""
        steps = [step.name for step in self.derived.graph.node(node.name).steps if isinstance(step, Step)]
        return sorted(node.effects, key=lambda effect: steps.index(effect.name))

    @cached_property
    def forward_effects(self) -> list[Effect]:
        """All effects but the compensations, which no run without faults shows."""
        return [effect for effect in self.effects if effect.compensates is None]

    @cached_property
    def compensating_nodes(self) -> set[str]:
        """Nodes that do nothing but undo."""
        return {n.name for n in self.manifest.node if n.effects and all(effect.compensates for effect in n.effects)}

    @cached_property
    def stored_effects(self) -> list[Effect]:
        """Effects that are counted at rest, in a store or by an answer."""
        return [effect for effect in self.effects if not effect.at]

    @cached_property
    def downstream(self) -> tuple[str, ...]:
        """All effects that an accepted work leads to."""
        return tuple(effect.name for effect in self.effects)

    @cached_property
    def triggered_edges(self) -> set[str]:
        """Edges along which a trigger is set, the way in included."""
        way_in = {f"client->{self.submit.node}"} if self.submit.trigger else set()
        return {edge.key for edge in self.manifest.edge if edge.trigger} | way_in

    def order_of_edge(self, key: str) -> int:
        """The place of an edge in the order in which work passes them; the way in comes first."""
        keys = [f"{self._node_of(call.src)}->{self._node_of(call.dst)}" for call in self.derived.calls]
        plain = f"{key.partition('->')[0]}->{self._target_of(key)}"
        return keys.index(plain) if plain in keys else len(keys)

    def _node_of(self, instance: str | None) -> str:
        return self.derived.instances[instance].node.name if instance else CLIENT

    def copies_of(self, name: str) -> frozenset[str]:
        """The copies of a process of the manifest, without the first, which bears its name."""
        return frozenset(p.name for p in self.manifest.process if p.name != name and declared_name(p.name) == name)

    @cached_property
    def times_declared(self) -> bool:
        """Every trigger says itself how long it takes, so that "later than that" means something where none is read."""
        triggers = [edge.trigger for edge in self.manifest.edge] + [self.submit.trigger]
        return all({"max_detect_s", "lease_s"} & each.model_fields_set for each in triggers if each)

    def process_of(self, node: str) -> str:
        """The process that runs a node."""
        return next(n.process for n in self.manifest.node if n.name == node)

    def node_of_effect(self, effect: str) -> str:
        """The node that causes an effect; empty for one that is not declared."""
        return next((n.name for n in self.manifest.node if any(e.name == effect for e in n.effects)), "")

    def process_of_effect(self, effect: str) -> str:
        """The process that causes an effect."""
        return next(n.process for n in self.manifest.node if any(e.name == effect for e in n.effects))

    def folder_of(self, process: Process) -> Path:
        """Where the process runs: its `cwd`, else the manifest's folder."""
        return (self.manifest.path.parent / (process.cwd or ".")).resolve()

    @cached_property
    def python_path(self) -> tuple[str, ...]:
        """Where `app` and `main` are looked for: the manifest's folder, then what this Python was given."""
        own = str(self.manifest.path.parent.resolve())
        return (own, *(entry for entry in sys.path if entry and entry != own))

    @cached_property
    def modules(self) -> list[Module]:
        """The modules whose libraries are loaded before any fork."""
        targets = [process.app or process.main for process in self.manifest.process if not process.container]
        return [Module(name=target.partition(":")[0], path=self.python_path) for target in targets if target]

    def readiness(self, process: Process) -> str:
        """How it is known that a process is ready."""
        return process.ready or ("tcp" if self._listens(process) else "none")

    def _listens(self, process: Process) -> bool:
        """A command that is told no port has none to be asked at."""
        return process.app is not None or (process.main is None and any("{port}" in text for text in process.texts))

    # --- time ---------------------------------------------------------------------------------------------------

    @cached_property
    def bounds(self) -> Bounds:
        """Time limits that the declaration implies. A root's patience counts like the detection of a trigger."""
        inner = [boundary for boundary in self.derived.boundaries if not _is_root(boundary)]
        return Bounds(
            detect_s=max(map(self._detection_s, inner), default=0.1),
            recover_s=self._recovery_s(list(self.derived.boundaries)),
            redrive_s=self._recovery_s(inner),
        )

    def _recovery_s(self, boundaries: list[Boundary]) -> float:
        slow_s = max((boundary.trigger.work_s for boundary in boundaries), default=0.0)
        backoff_s = sum(boundary.trigger.backoff_max_s for boundary in boundaries)
        return sum(map(self._detection_s, boundaries)) + backoff_s + slow_s

    def _detection_s(self, boundary: Boundary) -> float:
        if _is_root(boundary):
            return self.submit.patience_s or self.submit.timeout_s
        return max(boundary.trigger.max_detect_s, boundary.trigger.lease_s or 0.0)

    def redelivery_s(self, node: str) -> float:
        """How long it takes at most until a node is driven again by whoever owns it; 0 where nobody does."""
        owner = self._owner(node)
        owning = [boundary for boundary in self.derived.boundaries if boundary.name == owner]
        return sum(self._detection_s(boundary) + boundary.trigger.backoff_max_s for boundary in owning)

    def vain_s(self, effect: str) -> tuple[int, float]:
        """How often an effect that fails for good is attempted at most (0: without limit), and how long that takes."""
        node = self.node_of_effect(effect)
        owner = next((b for b in self.derived.boundaries if b.name == self._owner(node)), None)
        attempts = self._expected_boundary(owner).attempts if owner else 0
        return attempts, attempts * self.redelivery_s(node)

    def until_s(self, until: str) -> float:
        """A fault's `until` in seconds: detect | lease | timeout | patience, each with `+seconds`.

        Raises:
            UsageError: the word is none of these.
        """
        word, _, more = until.partition("+")
        leases = [b.trigger.lease_s for b in self.derived.boundaries if b.trigger.lease_s]
        known = {
            "detect": self.bounds.detect_s,
            "lease": max(leases, default=self.bounds.detect_s),
            "timeout": self.submit.timeout_s,
            PATIENCE: self.submit.patience_s or self.submit.timeout_s,
        }
        if word not in known:
            raise UsageError(
                Problem(what=f"not a time to undo a fault: {until!r}", expected=", ".join(known), got=word)
            )
        return known[word] + float(more or 0)

    # --- what the checks are told ---------------------------------------------------------------------------------

    def expectation(self, plan: Plan) -> Expectation:
        """What was declared, in the terms of the checks."""
        layer = self._layer_of_submit()
        return Expectation(
            system=self.name,
            submit_node=self.submit.node,
            root=self.submit.root,
            nodes=tuple(
                ExpectedNode(
                    name=node.name,
                    process=node.process,
                    boundary=self._owner(node.name),
                    work=node.work,
                    routed=self._is_routed(node),
                    paths=sum(i.node.name == node.name for i in self.derived.instances.values()),
                )
                for node in self.manifest.node
            ),
            effects=tuple(
                ExpectedEffect(
                    name=effect.name,
                    node=node.name,
                    boundary=self._owner(node.name),
                    sink=effect.sink,
                    duplicates=effect.duplicates,
                    source="world" if effect.at else "sql",
                    may_reject=effect.may_reject,
                    compensates=effect.compensates or "",
                )
                for node in self.manifest.node
                for effect in self._in_order(node)
            ),
            boundaries=tuple(self._expected_boundary(boundary) for boundary in self.derived.boundaries),
            edges=tuple(
                ReadEdge(name=edge, boundary=self._owner(self._target_of(edge)))
                for edge in dict.fromkeys(pending.edge for pending in self.manifest.pending)
            ),
            calls=self._expected_calls(),
            spreads=self.foreseen.spreads(plan),
            awaited=tuple(
                e.name for n in self.manifest.node if n.name in layer for e in n.effects if not e.compensates
            ),
            downstream=self.downstream,
            faults=tuple(str(fault) for fault in plan.faults),
            parking=tuple(dict.fromkeys(parked.edge for parked in self.manifest.parked)),
            journals=tuple(dict.fromkeys(journal.node for journal in self.manifest.journal)),
            stores=tuple(resource.name for resource in self.manifest.resource),
            workflows=tuple(self._expected_workflow(workflow) for workflow in workflows_of(self.derived)),
        )

    def _expected_workflow(self, workflow: Shared) -> ExpectedWorkflow:
        return ExpectedWorkflow(
            name=workflow.name,
            nodes=tuple(dict.fromkeys(self.derived.instances[name].node.name for name in workflow.nodes)),
            boundaries=workflow.boundaries,
            held_by=workflow.held_by or "",
        )

    @cached_property
    def foreseen(self) -> Foreseen:
        """What faults may lead to."""
        return Foreseen(manifest=self.manifest, boundaries=self.derived)

    def _is_routed(self, node: Node) -> bool:
        """Whether every way to a node passes a tap: it has a route, and each of its callers has a link to it."""
        callers = {self.process_of(edge.from_) for edge in self.manifest.edge if edge.to == node.name}
        callers |= {CLIENT} if node.name == self.submit.node else set()
        return node.route is not None and all((caller, node.process) in self.links for caller in callers)

    def _expected_calls(self) -> tuple[ExpectedCall, ...]:
        instances, owner = self.derived.instances, self.derived.owner
        calls = (
            ExpectedCall(
                caller=instances[call.src].node.name if call.src else CLIENT,
                callee=instances[call.dst].node.name,
                awaits=call.awaits,
                boundary=(owner[call.dst] or "") if call.triggered else "",
                retries=call.retries,
                after=_made_before(instances[call.src], call) if call.src else (),
            )
            for call in self.derived.calls
        )
        return tuple(dict.fromkeys(calls))

    def _layer_of_submit(self) -> set[str]:
        """The nodes that are complete when the submit is answered: everything awaited below the submitted node.

        None where a trigger takes the work at the way in, as a broker does: it answers when the trigger is set.
        """
        if self.submit.publish or self.submit.trigger:
            return set()
        layer = {self.submit.node}
        grows = True
        while grows:
            reached = {edge.to for edge in self.manifest.edge if edge.awaits and edge.from_ in layer}
            grows = not reached <= layer
            layer |= reached
        return layer

    def _target_of(self, key: str) -> str:
        """The node that an edge leads to, which `from->as` does not say."""
        return next((edge.to for edge in self.manifest.edge if edge.key == key), key.partition("->")[2])

    def _owner(self, node: str) -> str:
        """The boundary of a node's first instance; empty where nobody owns it."""
        for instance, owner in self.derived.owner.items():
            if self.derived.instances[instance].node.name == node:
                return owner or ""
        return ""

    def _expected_boundary(self, boundary: Boundary) -> ExpectedBoundary:
        target = self.derived.instances[boundary.target].node
        return ExpectedBoundary(
            name=boundary.name,
            target=target.name,
            owner=_owner_in_words(boundary, self.submit.root),
            process=target.process,
            holder=self._holder(boundary),
            placement=boundary.trigger.placement,
            nodes=tuple(dict.fromkeys(self.derived.instances[name].node.name for name in boundary.nodes)),
            downstream=self._downstream_of(target.name),
            max_detect_s=self._detection_s(boundary),
            backoff_max_s=boundary.trigger.backoff_max_s,
            detect=boundary.trigger.detect,
            lease_s=boundary.trigger.lease_s or 0.0,
            attempts=boundary.trigger.attempts or 0,
        )

    def _holder(self, boundary: Boundary) -> str:
        """Where the trigger is stored: the resource, or the process whose folder, that the last of its readers reads.

        The reader that stands last is the one behind a hand-over, such as the queue behind an outbox.
        """
        call = self.derived.instances[boundary.target].call
        source = self.derived.instances[call.src].node.name if call.src else "client"
        keys = {f"{source}->{call.name}", f"{source}->{self.derived.instances[boundary.target].node.name}"}
        holders = [_stored_in(reader) for reader in self.manifest.pending if reader.edge in keys]
        return next((holder for holder in reversed(holders) if holder), "")

    def _downstream_of(self, node: str) -> tuple[str, ...]:
        """The effects of a node and of everything that can be reached from it."""
        reached, queue = [node], [node]
        while queue:
            queue = [e.to for e in self.manifest.edge if e.from_ in queue and e.to not in reached]
            reached += queue
        return tuple(effect.name for n in self.manifest.node if n.name in reached for effect in n.effects)


def _made_before(caller: Instance, call: Call) -> tuple[str, ...]:
    """The effects that come before a call among the steps of its caller."""
    steps = caller.steps[: caller.steps.index(call)]
    return tuple(step.name for step in steps if isinstance(step, Step))


def _stored_in(reader: Pending) -> str:
    """The resource, or the process whose folder, that a reader names; empty where it names neither."""
    named = reader.nats or reader.redis
    if named:
        return named.resource
    found = re.search(r"\{(?:data|link):([^}]+)\}", str(reader.model_dump(exclude_none=True)))
    return found[1] if found else ""


def _is_root(boundary: Boundary) -> bool:
    return boundary.trigger.kind in ("human", "caller")


def _owner_in_words(boundary: Boundary, root: str) -> str:
    return f"the {root} at the edge" if _is_root(boundary) else f'{boundary.trigger.kind} of "{boundary.target}"'


def _path_of(effect: Effect) -> str:
    """`POST {link:world}/charge` -> `/charge`."""
    assert effect.at is not None
    return "/" + effect.at.partition("}/")[2]
