"""Random declared graphs for the properties: trees of calls in every style, any work mode, any order of steps."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.boundaries import Edge, Effect, Graph, Node, Root, Trigger

__all__ = ["graphs"]

TRIGGERS = st.sampled_from(
    [
        Trigger(kind="queue", placement="caller"),
        Trigger(kind="inbox", placement="callee"),
        Trigger(kind="engine", placement="engine"),
        Trigger(kind="queue", placement="caller", durable=False),
    ]
)
ROOTS = st.sampled_from(
    [
        Root(node="n0"),
        Root(node="n0", trigger=Trigger(kind="human", placement="root"), client_retries=True),
        Root(node="n0", trigger=Trigger(kind="queue", placement="caller")),
        Root(node="n0", trigger=Trigger(kind="inbox", placement="callee"), client_retries=True),
    ]
)


@st.composite
def edges(draw: st.DrawFn, dst: str) -> Edge:
    """One edge in any of the four styles, or two-way where it hands off."""
    awaits, trigger = draw(st.booleans()), draw(st.none() | TRIGGERS)
    two_way = not awaits and trigger is not None and draw(st.booleans())
    return Edge(dst=dst, awaits=awaits, trigger=trigger, retries=draw(st.sampled_from([0, 0, 0, 1])), two_way=two_way)


@st.composite
def graphs(draw: st.DrawFn, largest: int = 7) -> Graph:
    """A tree of up to `largest` nodes; each node calls the later ones that drew it as their caller."""
    size = draw(st.integers(1, largest))
    callers = [draw(st.integers(0, node - 1)) for node in range(1, size)]
    nodes = []
    for place in range(size):
        steps = [draw(edges(f"n{callee}")) for callee, caller in enumerate(callers, start=1) if caller == place]
        effects = [Effect(name=f"w{n}") for n in range(draw(st.integers(0, 2)))]
        declared: list[Effect | Edge] = [*effects, *steps]
        work = draw(st.sampled_from(["reexec", "inbox", "log", "none"]))
        nodes.append(
            Node(
                name=f"n{place}",
                process=f"p{draw(st.integers(0, 2))}",
                work=work,
                steps=tuple(draw(st.permutations(declared))),
            )
        )
    return Graph(name="random", nodes=tuple(nodes), roots=(draw(ROOTS),))
