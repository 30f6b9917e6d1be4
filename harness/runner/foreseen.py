"""Which nodes a plan's faults may cause to be invoked again: the model's predictions, in the terms of a case.

A plan speaks of processes, links and points; the model of instances, steps and calls. Each fault of a plan is turned
into all the points of the model that it may mean, because a process that is killed may be in the middle of several
things, and while it is away others fail to reach it. What follows is a set of nodes and not a count: whoever owns the
work tries again until the outage is over, and each try is a further invocation of the same nodes.

Time enters as well. A caller that gives up, a lease that runs out on a busy machine, a process that ends by itself are
causes like a fault, so what they may lead to is foreseen too, and counts only where it was seen to happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.boundaries.derive import Boundaries
from harness.boundaries.faults import Fault, Meaning, Phase, What, phases
from harness.boundaries.graph import Effect
from harness.boundaries.predict import predict
from harness.boundaries.unfold import Call, Instance
from harness.checks.expectation import Spread
from harness.manifest.model import Manifest
from harness.manifest.placeholders import links
from harness.plans import model as plans

__all__ = ["Foreseen"]

STRUCK = ("kill", "replace", "terminate", "pause")
LIVING_ON = ("pause", "terminate")
"""Verbs after which what was under way in the process may still go on, beside whoever took over."""
OVERLAPPING = ("dup", "hold", "blackhole", "refuse", "reset")
"""Verbs after which the callee may still be at work on what its caller has given up."""
LASTING = ("refuse", "blackhole")
"""Verbs that stay on a link, and may outlast the retries that a caller makes by itself."""
CLIENT = "client"
WORLD = "world"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """The predictions for one system. manifest: as read. boundaries: as derived from it."""

    manifest: Manifest
    boundaries: Boundaries
    _known: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)

    def spreads(self, plan: plans.Plan) -> tuple[Spread, ...]:
        """What each fault of the plan may lead to, and each other cause that may show."""
        alone = len(plan.faults) == 1
        found = [spread for fault in plan.faults for spread in self._of_fault(fault, alone=alone)]
        return (*found, *self._of_calls(), *self._of_leases(), *self._of_exits())

    # --- causes -------------------------------------------------------------------------------------------------

    def _of_fault(self, fault: plans.Fault, *, alone: bool) -> Iterator[Spread]:
        """Of the work at whose point it strikes as much as the point tells, where no other fault blurs that."""
        overlap = fault.verb in LIVING_ON
        anywhere = self._nodes(str(fault), self._struck(fault, None), overlap=overlap)
        here = self._here(fault.point) if alone else None
        if here is None:
            yield Spread(cause="fault", name=str(fault), nodes=tuple(sorted(anywhere)))
            return
        exact = list(self._struck(fault, here))
        surely = self._surely(fault, here)
        yield Spread(
            cause="fault",
            name=str(fault),
            work=fault.point.work,
            nodes=tuple(sorted(self._nodes(f"{fault} exactly", exact, overlap=overlap) | set(surely))),
            must=surely,
        )
        yield Spread(cause="fault", name=str(fault), others_than=fault.point.work, nodes=tuple(sorted(anywhere)))

    def _of_calls(self) -> Iterator[Spread]:
        """A caller that hung up before its callee had answered, and calls again, or fails."""
        for call in self.boundaries.calls:
            nodes = self._nodes(f"call {call.key}", [*_lost(call), *self._late(call)], overlap=True)
            src = self._node(call.src) if call.src else CLIENT
            yield Spread(cause="call", name=f"{src}->{self._node(call.dst)}", nodes=tuple(sorted(nodes)))

    def _of_leases(self) -> Iterator[Spread]:
        """A claim that ran out while its holder was still at work: everything in its boundary may begin again."""
        for boundary in self.boundaries.boundaries:
            inside = (self.boundaries.instances[name] for name in boundary.nodes)
            faults = [fault for instance in inside for fault in _anywhere(instance)]
            nodes = self._nodes(f"lease {boundary.name}", faults, overlap=True)
            yield Spread(cause="lease", name=boundary.name, nodes=tuple(sorted(nodes)))

    def _of_exits(self) -> Iterator[Spread]:
        for process in self.manifest.process:
            nodes = self._nodes(f"exit {process.name}", self._away(process.name, None), overlap=False)
            yield Spread(cause="exit", name=process.name, nodes=tuple(sorted(nodes)))

    # --- from a fault of a plan to points of the model ------------------------------------------------------------

    def _struck(self, fault: plans.Fault, here: Fault | None) -> Iterator[Fault]:
        if fault.verb in STRUCK:
            if self._only_carries(fault.process):
                yield from self._store_away(fault.process)
            else:
                yield from self._away(fault.process, here)
            return
        if fault.verb in plans.HUMAN_ACTS:
            yield from self._clicked_again() if fault.verb != "give" else ()
            return
        user, _, target = fault.target.partition("->")
        yield from self._link_away(user, target, here, late=fault.verb in OVERLAPPING)
        if fault.verb in LASTING:
            yield from self._retries_spent(user, target)

    def _clicked_again(self) -> Iterator[Fault]:
        """The same comes in once more, maybe before the first is done. Who gives up causes nothing."""
        yield from _lost(self._way_in())
        yield from self._late(self._way_in())

    def _away(self, process: str, here: Fault | None) -> Iterator[Fault]:
        """What was under way in a process dies; while it is gone, nobody can call what is in it."""
        for instance in self._inside(process):
            yield from [here] if here and _is_inside(here, instance) else _anywhere(instance)
            if self._travels(instance.call):
                yield Fault(what=What.REQUEST_LOST, at=instance.name)

    def _link_away(self, user: str, target: str, here: Fault | None, *, late: bool) -> Iterator[Fault]:
        """Calls along a link fail, whole or only their answers; what arrives twice or late is done once more."""
        if target == WORLD:
            callers = [i for i in self._inside(user) if any(isinstance(step, Effect) for step in i.steps)]
            for instance in callers:
                yield from (here, _one_further(here)) if here and _is_inside(here, instance) else _at_effects(instance)
            return
        if self._only_carries(target):
            for instance in self._inside(user):
                yield from _anywhere(instance)
                for call in instance.calls:
                    yield from _lost(call) if call.trigger else ()
            yield from _lost(self._way_in()) if user == CLIENT else ()
            return
        calls = self._calls(user, target)
        for call in calls:
            yield from _lost(call)
            yield from self._late(call) if late else ()
        for instance in self._inside(user) if not calls else ():
            yield from _anywhere(instance)  # it asks for its work there, or reports that it is done
        for instance in self._inside(target) if self._only_carries(user) else ():
            yield from _anywhere(instance)  # what is not acknowledged is delivered again, however far it was done

    def _retries_spent(self, user: str, target: str) -> Iterator[Fault]:
        """Callers whose own retries have all failed on a link: they fail at this step, as if they had none."""
        for call in self._calls(user, target) if target != WORLD and not self._only_carries(target) else ():
            if call.src and call.retries:
                caller = self.boundaries.instances[call.src]
                before = Fault(what=What.CRASH, at=call.src, phase=Phase(complete=caller.steps.index(call)))
                yield from (before, _one_further(before))

    def _only_carries(self, name: str) -> bool:
        """A store, a broker, or a process without a node of its own, such as a queue or an engine."""
        return name not in {node.process for node in self.manifest.node}

    def _store_away(self, resource: str) -> Iterator[Fault]:
        """Whoever uses a store or broker fails wherever it asks it, and what is set in it may be driven again.

        What it was just delivering breaks off, and it delivers it again, maybe before the first is done.
        """
        for target in sorted({target for user, target in links(self.manifest) if user == resource} - {WORLD}):
            yield from self._link_away(resource, target, None, late=True)
        for user in sorted({user for user, target in links(self.manifest) if target == resource}):
            yield from self._link_away(user, resource, None, late=False)
            for instance in self._inside(user):
                yield from _lost(instance.call) if instance.call.trigger else ()
        publish = self.manifest.submit.publish if self.manifest.submit else None
        if publish and publish.resource == resource:
            yield from _lost(self._way_in())

    def _here(self, point: plans.Point) -> Fault | None:
        """The point of the model at which the struck work stands; None where it is not one exact point."""
        if point.name in ("recv", "applied"):
            return self._at_effect(point)
        if point.name in ("deliver", "submit"):
            node = point.where or (self.manifest.submit.node if self.manifest.submit else "")
            reached = self._instances(node)
            return Fault(what=What.REQUEST_LOST, at=reached[0].name) if len(reached) == 1 else None
        return None

    def _at_effect(self, point: plans.Point) -> Fault | None:
        places = [
            (instance, place)
            for instance in self.boundaries.instances.values()
            for place, step in enumerate(instance.steps)
            if isinstance(step, Effect) and step.name == point.where
        ]
        if len(places) != 1:
            return None
        (instance, place), applied = places[0], point.name == "applied"
        return Fault(what=What.CRASH, at=instance.name, phase=Phase(complete=place + applied, logged=not applied))

    def _surely(self, fault: plans.Fault, here: Fault) -> tuple[str, ...]:
        """The nodes that are invoked again in any case: only where the fault hits the very process that stands here."""
        process = self.boundaries.instances[here.at].node.process
        if fault.verb not in ("kill", "replace") or fault.target != process or here.what is not What.CRASH:
            return ()
        again = predict(self.boundaries, Meaning(text="", faults=(here,)))
        return tuple(dict.fromkeys(self._node(name) for name in again.must))

    # --- from points of the model to nodes --------------------------------------------------------------------------

    def _nodes(self, name: str, faults: Iterable[Fault], *, overlap: bool) -> frozenset[str]:
        """Every node that one of these may cause to be invoked again. overlap: the old frame may act on."""
        points = tuple(dict.fromkeys(faults))
        if (name,) not in self._known:
            self._known[name,] = frozenset(self._invoked(points, overlap=overlap))
        return self._known[name,]

    def _invoked(self, faults: tuple[Fault, ...], *, overlap: bool) -> Iterator[str]:
        for fault in faults:
            again = predict(self.boundaries, Meaning(text="", faults=(fault,), overlap=overlap))
            yield from map(self._node, [*again.must, *again.may])
            if fault.what is not What.CRASH:
                yield self._node(fault.at)  # the call itself, which was counted when it set out

    def _late(self, call: Call) -> Iterator[Fault]:
        """The callee is invoked twice while its first invocation is still under way: nothing short-circuits yet."""
        reached, queue = [call.dst], [call.dst]
        while queue:
            queue = [c.dst for name in queue for c in self.boundaries.instances[name].calls if c.dst not in reached]
            reached += queue
        for name in reached:
            yield Fault(what=What.REPLY_LOST, at=name)

    def _calls(self, user: str, target: str) -> list[Call]:
        """The calls that travel on a link between two processes; the way in, where the client uses it."""
        if user == CLIENT:
            return [self._way_in()]
        if self._only_carries(user):
            return [instance.call for instance in self._inside(target)]  # whosoever call it is that it carries
        instances = self.boundaries.instances
        inside = [i for i in self._inside(target) if i.call.src and instances[i.call.src].node.process == user]
        return [instance.call for instance in inside]

    def _travels(self, call: Call) -> bool:
        """Whether the call is a request to the process of its callee. Through a store it gets there without it."""
        process = self.boundaries.instances[call.dst].node.process
        if call.src is None:
            return self.manifest.submit is not None and self.manifest.submit.publish is None
        return (self.boundaries.instances[call.src].node.process, process) in links(self.manifest)

    def _way_in(self) -> Call:
        return next(call for call in self.boundaries.calls if call.src is None)

    def _inside(self, process: str) -> list[Instance]:
        return [i for i in self.boundaries.instances.values() if i.node.process == process]

    def _instances(self, node: str) -> list[Instance]:
        return [i for i in self.boundaries.instances.values() if i.node.name == node]

    def _node(self, instance: str) -> str:
        return self.boundaries.instances[instance].node.name


def _is_inside(here: Fault, instance: Instance) -> bool:
    """Whether the point is one in the middle of this instance."""
    return here.at == instance.name and here.what is What.CRASH


def _anywhere(instance: Instance) -> Iterator[Fault]:
    for phase in phases(instance):
        yield Fault(what=What.CRASH, at=instance.name, phase=phase)


def _at_effects(instance: Instance) -> Iterator[Fault]:
    """It fails at one of its effects, done or not."""
    for place, step in enumerate(instance.steps):
        if isinstance(step, Effect):
            before = Fault(what=What.CRASH, at=instance.name, phase=Phase(complete=place))
            yield from (before, _one_further(before))


def _one_further(fault: Fault) -> Fault:
    return Fault(what=What.CRASH, at=fault.at, phase=Phase(complete=fault.phase.complete + 1, logged=False))


def _lost(call: Call) -> Iterator[Fault]:
    yield Fault(what=What.REQUEST_LOST, at=call.dst)
    yield Fault(what=What.REPLY_LOST, at=call.dst)
