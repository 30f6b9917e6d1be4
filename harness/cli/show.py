"""The commands that run nothing: boundaries, explain, list, schema."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.conformance.where import manifest_path, pattern_names
from harness.errors import Problem, UsageError

__all__ = ["boundaries", "explain", "list_", "schema"]


def boundaries(manifest: str, *, as_json: bool, fault: str | None) -> None:
    """Prints the derived boundaries, as a drawing or as JSON."""
    from harness.boundaries import describe
    from harness.manifest.graph import graph_of
    from harness.manifest.load import load

    description = describe(graph_of(load(Path(manifest_path(manifest)), purpose="boundaries")), fault)
    print(description.to_json() if as_json else description.text())


def explain(code: str) -> None:
    """Prints what a code means."""
    from harness.checks import explain as text_of

    print(text_of(code))


def list_(what: str, manifest: str | None, explore: str) -> None:
    """Prints one of the lists."""
    lists = {"patterns": _patterns, "properties": _properties, "faults": _faults}
    if what == "plans":
        _plans(manifest, explore)
    elif what in lists:
        Console().print(lists[what]())
    else:
        raise UsageError(Problem(what="no such list", expected="patterns, properties, faults, plans", got=what))


def _patterns() -> Table:
    from harness.manifest.load import load

    table = Table("pattern", "expected", "about", box=None, pad_edge=False)
    for name in pattern_names():
        manifest = load(Path(manifest_path(name)))
        table.add_row(name, manifest.expect, manifest.about)
    return table


def _properties() -> Table:
    from harness.checks import PROPERTIES

    table = Table("id", "property", "statement", "codes", box=None, pad_edge=False)
    for known in PROPERTIES:
        table.add_row(known.id, known.name, known.statement, ", ".join(code.code for code in known.codes))
    return table


def _faults() -> Table:
    table = Table("fault in words", "what happens", box=None, pad_edge=False)
    for words, meaning in FAULT_FORMS:
        table.add_row(words, meaning)
    return table


def _plans(manifest: str | None, explore: str) -> None:
    from harness.conformance.campaign import Campaign

    if manifest is None:
        raise UsageError(
            Problem(what="plans of which system?", fix=f"retrigger list plans patterns/{pattern_names()[0]}")
        )
    campaign = Campaign(manifests=(manifest_path(manifest),), explore=explore)
    for system in campaign.systems():
        for plan in campaign.plans(system):
            print(f"{plan.id}  {plan}")


def schema() -> None:
    """Prints the JSON Schema."""
    from harness.manifest.schema import schema_text

    print(schema_text(), end="")


FAULT_FORMS = (
    ("kill PROCESS @POINT", "SIGKILL of its whole tree; it is started again at once"),
    ("kill PROCESS/child @POINT", "SIGKILL of one descendant, the one whose call is held; PROCESS/parent: of it alone"),
    ("terminate PROCESS @POINT", "SIGTERM, as at a deployment; started again when it has ended"),
    ("pause PROCESS @POINT until detect", "SIGSTOP for longer than the declared detection, then SIGCONT"),
    ("replace PROCESS @POINT", "as kill, but a new identity comes back"),
    ("cut request A->B @deliver NODE WORK", "the request is never delivered; the caller sees the connection end"),
    ("cut reply A->B @deliver NODE WORK", "the callee executes, its answer is taken away"),
    ("blackhole request|reply A->B @POINT", "silence until the caller's own time limit"),
    ("reset request|reply A->B @POINT", "RST instead of an end of stream"),
    ("refuse A->B @POINT until detect", "connections are refused, live ones cut"),
    ("poison A->world @recv EFFECT WORK", "the partner fails for this work, now and whenever it is asked again"),
    ("poison A->world @recv EFFECT WORK until detect", "it answers 500 to this work for a while, and then no more"),
    ("hold A->B @POINT until lease+1", "the held request goes on late"),
    ("dup A->B @deliver NODE WORK", "the same request is delivered twice at once"),
    ("click twice @submit WORK", "the human clicks twice: two requests at once, under one key"),
    ("give up @POINT", "the human stops waiting and does not click again: from there on nobody owns his work"),
    ("new key @submit WORK #2", "the human's next click carries a new key: a new piece of work to everybody but him"),
    ("reject A->world @recv EFFECT WORK", "the partner refuses the effect, now and for good: 422"),
    ("", ""),
    ("@recv EFFECT WORK [#n]", "the world has received the n-th attempt, and not applied it"),
    ("@applied EFFECT WORK [#n]", "the world has applied it, and not answered"),
    ("@deliver NODE WORK [#n]", "the tap before the node has the n-th request, the node has seen nothing"),
    ("@reply NODE WORK [#n]", "the node has answered, the caller has seen nothing"),
    ("@submit WORK, @answer WORK [#n]", "the client is about to send; the client has its answer"),
    ("@ready PROCESS [#n]", "the process has become ready for the n-th time"),
    ("@syscall CALL [#n]", "a thread of the process makes its n-th call after work was submitted; only of kill"),
    ("@quiet", "all work is done, nothing moves; everything is about to be submitted again"),
)
"""Every form of a fault, with its meaning; then the points."""
