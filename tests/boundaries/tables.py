"""The tables and drawings of `docs/model.md`, computed.

`python -m tests.boundaries.tables` writes them into the page; a test fails while the page says something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from harness.boundaries import Boundaries, Fault, What, simulate
from harness.boundaries.faults import FORMS
from tests.boundaries.figures import ask, derived

__all__ = ["PAGE", "TABLES", "again", "filled", "summary"]

PAGE = Path(__file__).parents[2] / "docs" / "model.md"
STRANDED = "stranded"

PLACEMENTS = {
    "fig2_caller": "caller: a queue",
    "fig2_callee": "callee: an inbox",
    "fig2_upstream": "upstream, no retry of its own",
    "fig2_in_situ": "upstream, two in-situ retries",
}
FIG_4 = (
    "crash A before w",
    "crash A after w",
    "crash A after B",
    "crash B after w",
    "crash B after D",
    "crash C before w",
    "crash C after w",
    "crash F",
)
FIG_5 = (
    "crash D",
    "crash F",
    "crash B before D",
    "crash B after D",
    "crash C before w",
    "crash E",
    "crash C after F",
    "crash A after B",
)
FIG_8 = (
    "crash Fx before registration",
    "crash Fx after A not logged",
    "crash Fx after A logged",
    "crash Fx during Fy",
    "crash Fy during B3",
    "lose reply Fx->Fy",
    "crash store engine",
    "pause Fx during A",
)


def again(figure: str, fault: str, work: str = "reexec") -> str:
    """A prediction in the notation of the tables: `A B [D]` means A and B once more, D perhaps, nobody else."""
    prediction = ask(figure, fault, work).prediction
    assert prediction is not None
    if prediction.always_stranded:
        return STRANDED
    assert set(prediction.must.values()) | set(prediction.may.values()) <= {1}
    told = [name for name in derived(figure).instances if name not in prediction.must_not]
    return " ".join(name if name in prediction.must else f"[{name}]" for name in told)


def summary(boundaries: Boundaries) -> tuple[int, int, int, int, bool]:
    """Boundaries, size of the largest, nested ones, unowned instances, and whether one owner holds it all."""
    return (
        len(boundaries.boundaries),
        max((len(boundary.nodes) for boundary in boundaries.boundaries), default=0),
        sum(boundary.nested_in is not None for boundary in boundaries.boundaries),
        len(boundaries.unowned),
        any(len(boundary.layer) == len(boundaries.instances) for boundary in boundaries.boundaries),
    )


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """Markdown, a column for each part of `head`."""
    columns = [part.strip() for part in head.split("|")]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def fig_2() -> str:
    """A callee that fails twice, by placement."""
    rows = []
    for figure, placement in PLACEMENTS.items():
        boundaries = derived(figure)
        run = simulate(boundaries, [Fault(what=What.CRASH, at="callee")] * 2)
        sets = ", ".join(f"{{{', '.join(boundary.nodes)}}}" for boundary in boundaries.boundaries)
        counts = f"{run.invocations['caller']} / {run.invocations['callee']}"
        rows.append([placement, sets, counts, run.registrations["callee"], run.attempts["callee", "w"]])
    return table("placement | boundaries | caller / callee invoked | callee's trigger set | effect", rows)


def faults_in_two_modes(figure: str, faults: Iterable[str], other: str) -> str:
    """What runs again in `reexec` and in another work mode."""
    rows = [[fault, again(figure, fault), again(figure, fault, other)] for fault in faults]
    return table(f"fault | again, `reexec` | again, `{other}`", rows)


def fig_4_early() -> str:
    """The early acknowledgement, one phase apart."""
    faults = ("crash D before ack", "crash D after w", "crash D")
    return table("fault | again", [[fault, again("fig4_early_ack", fault)] for fault in faults])


def fig_7() -> str:
    """The eleven instances, and who has to wait for whom."""
    boundaries = derived("fig7")
    joins = [f"{name} needs {' and '.join(handlers)}" for name, handlers in boundaries.joins.items()]
    return f"Instances: {', '.join(f'`{name}`' for name in boundaries.instances)}. Joins: {'; '.join(joins)}."


def fig_8() -> str:
    """Attempts of each step, from the formula: one, plus what the fault adds."""
    rows = []
    for fault in FIG_8:
        prediction = ask("fig9", fault, "log").prediction
        assert prediction is not None
        steps = [("Fx", "A"), ("Fy", "B1"), ("Fy", "B2"), ("Fy", "B3"), ("Fx", "C")]
        extra = [prediction.attempts.get(step, (0, 0)) for step in steps]
        counts = [f"{1 + least}" if least == most else f"<={1 + most}" for least, most in extra]
        rows.append([fault, again("fig9", fault, "log"), "0" if prediction.stranded else ", ".join(counts)])
    return table("fault | driven again | attempts of A, B1, B2, B3, C", rows)


def fig_9() -> str:
    """Boundaries against layers."""
    rows = [
        [boundary.name, " ".join(boundary.nodes), " ".join(boundary.layer), boundary.nested_in or "-"]
        for boundary in derived("fig9_human").boundaries
    ]
    return table("trigger | executes again | guarantees | nested in", rows)


def side_by_side() -> str:
    """The figures next to each other."""
    names = {
        "fig3": "3",
        "fig4": "4",
        "fig4_early_ack": "4, D and F ack early",
        "fig5": "5",
        "fig6": "6",
        "fig7": "7",
        "fig9": "9",
    }
    rows = []
    for figure, label in names.items():
        count, largest, nested, unowned, whole = summary(derived(figure))
        rows.append([label, count, largest or "-", nested if count else "-", unowned, "yes" if whole else "no"])
    return table("figure | boundaries | largest | nested | unowned | whole workflow guaranteed by one owner", rows)


def drawing(figure: str, fault: str, work: str = "reexec") -> str:
    """What the command line prints."""
    return f"```text\n{ask(figure, fault, work).text()}```"


TABLES: dict[str, Callable[[], str]] = {
    "fault sentences": lambda: "```text\n" + "\n".join(FORMS) + "\n```",
    "drawing of fig 5": lambda: drawing("fig5", "crash B after -> D"),
    "fig 2": fig_2,
    "fig 4": lambda: faults_in_two_modes("fig4", FIG_4, "inbox"),
    "fig 4 in situ": lambda: table("fault | again", [["crash F", again("fig4_in_situ", "crash F")]]),
    "fig 4 early": fig_4_early,
    "fig 5": lambda: faults_in_two_modes("fig5", FIG_5, "log"),
    "fig 7": fig_7,
    "fig 8": fig_8,
    "fig 9": fig_9,
    "side by side": side_by_side,
}


def filled(page: str) -> str:
    """The page with every computed part put between its markers."""
    for name, compute in TABLES.items():
        begin, end = f"<!-- computed: {name} -->\n", f"<!-- end: {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"the page needs exactly one pair of markers for {name!r}")
        head, rest = page.split(begin)
        page = head + begin + compute() + "\n" + end + rest.split(end)[1]
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
