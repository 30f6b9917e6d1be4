"""The boundary map as text for a terminal, and as Mermaid for Markdown.

One row per instance, drawn as a tree of calls: hollow where no trigger stands, solid where one does, as in the post. To
the right one lane per boundary: thick where the boundary executes the instance again, thin where it only guarantees
that it completes. Under a fault, a last column says what is invoked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from harness.boundaries.derive import Boundaries, Boundary
from harness.boundaries.faults import Meaning
from harness.boundaries.lints import INFORMATION, Lint
from harness.boundaries.predict import Prediction
from harness.boundaries.unfold import Call
from harness.boundaries.workflows import Shared, workflows_of

__all__ = ["draw", "mermaid"]

LANE_NAMES = "123456789" + ascii_lowercase
LEGEND = {
    "──▶": "waits for it; the caller's owner answers for it",
    "┄▶": "hands off: sets a trigger and goes on",
    "═▶": "sets a trigger and waits (nested)",
    "··▶": "acknowledged, then nobody's",
}


def draw(
    boundaries: Boundaries,
    lints: Sequence[Lint] = (),
    meaning: Meaning | None = None,
    prediction: Prediction | None = None,
) -> str:
    """The whole description as lines of text without colour.

    Args:
        boundaries: what to draw.
        lints: findings to list below the map.
        meaning: the fault, if one is asked about.
        prediction: what that fault adds.
    """
    parts = [
        _head(boundaries),
        "",
        *_map(boundaries, prediction),
        "",
        *_legend(boundaries),
        "",
        *_boundary_lines(boundaries),
    ]
    if boundaries.graph.workflows:
        parts += ["", *_workflow_lines(boundaries)]
    if lints:
        parts += ["", *_lint_lines(lints)]
    if meaning and prediction:
        parts += ["", *_prediction_lines(boundaries, meaning, prediction)]
    return "\n".join(line.rstrip() for line in parts) + "\n"


def _head(boundaries: Boundaries) -> str:
    counts = [_count(len(boundaries.instances), "node"), _count(len(boundaries.boundaries), "boundary", "boundaries")]
    if boundaries.unowned:
        counts.append(f"{len(boundaries.unowned)} owned by nobody")
    return f"{boundaries.graph.name}: {', '.join(counts)}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _map(boundaries: Boundaries, prediction: Prediction | None) -> list[str]:
    rows = [row for call in boundaries.calls if call.src is None for row in _tree(boundaries, call, "", "")]
    width = max((len(text) for text, _ in rows), default=0)
    lanes = boundaries.boundaries if len(boundaries.boundaries) <= len(LANE_NAMES) else ()
    owners = max([len("owner"), *(len(boundary.name) for boundary in boundaries.boundaries)])
    title = (
        f"{'':{width}}   {'owner':{owners}}   {' '.join(LANE_NAMES[: len(lanes)])}   {'again' if prediction else ''}"
    )
    lines = [title]
    for text, name in rows:
        owner = boundaries.owner[name] or "nobody"
        marks = " ".join(_lane(boundary, name) for boundary in lanes)
        lines.append(f"{text:{width}}   {owner:{owners}}   {marks}   {_again(prediction, name)}")
    return lines


def _lane(boundary: Boundary, name: str) -> str:
    return "┃" if name in boundary.nodes else "┊" if name in boundary.layer else " "


def _again(prediction: Prediction | None, name: str) -> str:
    if prediction is None:
        return ""
    must, may = prediction.must.get(name, 0), prediction.may.get(name, 0)
    if may:
        return f"+{must} to +{must + may}"
    return f"+{must}" if must else "·"


def _tree(boundaries: Boundaries, call: Call, indent: str, branch: str) -> Iterator[tuple[str, str]]:
    """The rows of an instance and all below it, each with the name of its instance."""
    instance = boundaries.instances[call.dst]
    solid = "●" if call.triggered else "○"
    if call.src is None:
        yield f"{_starter(call)} {_arrow(call)} {solid} {call.dst}", call.dst
    else:
        yield f"{indent}{branch}{_arrow(call)} {solid} {call.dst}", call.dst
        indent += "│     " if branch == "├" else "      "
    for callee in instance.calls:
        below = indent or " " * (len(_starter(call)) + len(_arrow(call)) + 2) if call.src is None else indent
        yield from _tree(boundaries, callee, below, "└" if callee is instance.calls[-1] else "├")


def _starter(call: Call) -> str:
    return call.trigger.kind if call.trigger and call.triggered else "nobody"


def _arrow(call: Call) -> str:
    kind = call.trigger.kind if call.trigger and call.src else ""
    if call.triggered and call.awaits and call.src:
        return f"═{kind}═▶"
    if call.triggered:
        return f"┄{kind}┄▶" if call.src else "┄▶"
    return "──▶" if call.awaits else "··▶"


def _legend(boundaries: Boundaries) -> Iterator[str]:
    yield "● has its own reliable trigger   ○ has none   ┃ executed again together   ┊ guaranteed to complete as well"
    used = "".join(_arrow(call) for call in boundaries.calls if call.src)
    for arrow, means in LEGEND.items():
        if arrow[-2:] in used:
            yield f"{arrow:>3} {means}"


def _boundary_lines(boundaries: Boundaries) -> Iterator[str]:
    for place, boundary in enumerate(boundaries.boundaries):
        lane = LANE_NAMES[place] if len(boundaries.boundaries) <= len(LANE_NAMES) else "-"
        yield f"{lane} {boundary.name}   {_recovery(boundary)}"
        yield f"    executes again   {' '.join(boundary.nodes)}"
        if boundary.layer != boundary.nodes:
            yield f"    guarantees       {' '.join(boundary.layer)}"
        if boundary.frontier:
            yield f"    hands off        {', '.join(boundary.frontier)}"
        if boundary.nested_in:
            yield f"    nested in        {boundary.nested_in}"
    for name, handlers in boundaries.joins.items():
        yield f"  {name} needs {' and '.join(handlers)}: they share a durable join record"
    if boundaries.unowned:
        yield f"? owned by nobody    {' '.join(boundaries.unowned)}"


def _workflow_lines(boundaries: Boundaries) -> Iterator[str]:
    for workflow in workflows_of(boundaries):
        owners = _count(len(workflow.boundaries), "boundary", "boundaries")
        yield f"workflow {workflow.name}: {' '.join(workflow.nodes)}"
        yield f"    shared by        {owners}: {', '.join(workflow.boundaries) or 'nobody owns any of it'}"
        yield f"    held as a whole  {_held(workflow)}"
        if workflow.unowned:
            yield f"    owned by nobody  {' '.join(workflow.unowned)}"
        if workflow.too_large:
            yield f"    too large        {', '.join(workflow.too_large)}: reaches into another workflow as well"


def _held(workflow: Shared) -> str:
    return f"by {workflow.held_by}" if workflow.held_by else "by nobody: no layer takes in all of it"


def _recovery(boundary: Boundary) -> str:
    trigger = boundary.trigger
    tries = "without limit" if trigger.attempts is None else f"at most {_count(trigger.attempts, 'attempt')}"
    return f"({trigger.placement}) tries again within {trigger.round_s:g} s ({trigger.detect}), {tries}"


def _lint_lines(lints: Sequence[Lint]) -> Iterator[str]:
    for lint in lints:
        yield f"{'i' if lint.code in INFORMATION else '!'} {lint.code}  {lint.where}: {lint.what}"
        yield f"    {lint.fix}"


def _prediction_lines(boundaries: Boundaries, meaning: Meaning, prediction: Prediction) -> Iterator[str]:
    yield f"fault: {meaning.text}"
    yield f"    driven again by  {_driver(boundaries, prediction)}"
    if meaning.overlap:
        yield "    overlap          the paused frame may still act, until it is fenced"
    if prediction.must:
        yield f"    must run again   {_counted(prediction.must)}"
    if prediction.may:
        yield f"    may run again    {_counted(prediction.may)}"
    if spilled := _spill(boundaries, prediction):
        yield f"    spill            {' '.join(spilled)}: handed off once more, deduped there"
    yield f"    must not         {' '.join(prediction.must_not) or 'nothing is excluded'}"
    if prediction.attempts:
        yield f"    effects tried    {', '.join(_effect_lines(prediction))}"


def _driver(boundaries: Boundaries, prediction: Prediction) -> str:
    if prediction.always_stranded:
        return "nobody: STRANDED, what was done stays half done"
    if prediction.stranded:
        return "it depends on the moment: at some points nobody, and then it is STRANDED"
    if prediction.owner:
        return f"{prediction.owner}, within {boundaries.boundary(prediction.owner).trigger.round_s:g} s"
    if prediction.retried_in_situ:
        return "its caller's own retries (not reliable: they die with the caller)"
    return "nothing to drive, or it depends on the moment"


def _counted(counts: object) -> str:
    return " ".join(f"{name} +{count}" for name, count in dict(counts).items())  # type: ignore[call-overload]


def _effect_lines(prediction: Prediction) -> Iterator[str]:
    for (instance, effect), (least, most) in prediction.attempts.items():
        yield f"{instance}.{effect} +{most}" if least == most else f"{instance}.{effect} +{least} to +{most}"


def _spill(boundaries: Boundaries, prediction: Prediction) -> list[str]:
    """Instances of other boundaries that are invoked again because a hand-off to them is repeated."""
    again = [name for name in boundaries.instances if name in prediction.must or name in prediction.may]
    return [name for name in again if prediction.owner and boundaries.owner[name] != prediction.owner]


def mermaid(boundaries: Boundaries) -> str:
    """The map as a Mermaid flowchart: one subgraph per boundary, nested ones inside the one that waits for them."""
    ids = {name: f"n{place}" for place, name in enumerate(boundaries.instances)}
    lines = ["flowchart LR"]
    for boundary in boundaries.boundaries:
        if boundary.nested_in is None:
            lines += _subgraph(boundaries, boundary, ids, "    ")
    lines += [f"    {_shape(boundaries, name, ids)}" for name in boundaries.unowned]
    lines += [f"    {ids[call.src]} {_link(call)} {ids[call.dst]}" for call in boundaries.calls if call.src]
    lines += [
        "    classDef solid fill:#333,stroke:#333,color:#fff",
        "    classDef hollow fill:#fff,stroke:#333,color:#333",
    ]
    return "\n".join(lines) + "\n"


def _subgraph(boundaries: Boundaries, boundary: Boundary, ids: dict[str, str], indent: str) -> Iterator[str]:
    yield f'{indent}subgraph {ids[boundary.target]}b["{_label(boundary.name)}"]'
    yield from (f"{indent}    {_shape(boundaries, name, ids)}" for name in boundary.nodes)
    for inner in boundaries.boundaries:
        if inner.nested_in == boundary.name:
            yield from _subgraph(boundaries, inner, ids, indent + "    ")
    yield f"{indent}end"


def _shape(boundaries: Boundaries, name: str, ids: dict[str, str]) -> str:
    kind = "solid" if boundaries.instances[name].call.triggered else "hollow"
    return f'{ids[name]}(["{_label(name)}"]):::{kind}'


def _link(call: Call) -> str:
    kind = call.trigger.kind if call.trigger else ""
    if call.triggered:
        return f"== {kind} ==>" if call.awaits else f"-. {kind} .->"
    return "-->" if call.awaits else "-. nobody .->"


def _label(name: str) -> str:
    return name.replace("#", "#35;")
