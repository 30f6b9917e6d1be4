"""What a person sees while a run goes on, and after it.

One method for each event of a run. On a terminal: colours and a progress bar that redraws one line. Elsewhere, or where
`CI` is set: plain lines of at most 80 columns, without escape codes, now and then one that says how far it is. Both
print the same blocks. Text from manifests and services loses its control characters first, because a terminal obeys
them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from harness.report.model import CaseReport, Finding, NotExercised, RunReport, SystemReport, Verdict
from harness.report.workflows import in_words

__all__ = ["Reporter", "Terminal"]

PLAIN_WIDTH = 80
WIDEST = 110
EVERY_S = 5.0
SILENT_S = 15.0
"""How long nothing is said at most where a line is all that shows that something goes on."""
MAX_BLOCKS = 3
MAX_LISTED = 5
STYLES = {
    Verdict.HOLDS: "bold green",
    Verdict.VIOLATED: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NOT_EXERCISED: "bold yellow",
    Verdict.ERROR: "bold magenta",
}
MARKS = {Verdict.HOLDS: "ok", Verdict.VIOLATED: "!!", Verdict.ERROR: "EE"}
WORDS = {
    Verdict.HOLDS: "hold", Verdict.VIOLATED: "violated", Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_EXERCISED: "not exercised", Verdict.ERROR: "errors of the harness",
}  # fmt: skip


class Reporter(Protocol):
    """Whoever wants to know how a run goes. The runner calls these in order, from one thread."""

    def run_started(self, run: RunReport, names: Sequence[str]) -> None:
        """A run begins. run: what is known already, its systems still empty. names: of the systems to come."""

    def preparing(self, text: str) -> None:
        """Something that takes a while is set up: a server is downloaded or built."""

    def cases_started(self, cases: int, foreseen: str = "") -> None:
        """The first case begins.

        cases: how many are planned, of all systems together; 0 where that is not known. foreseen: how long they will
        take, in words.
        """

    def stage_finished(self, stage: str, text: str, seconds: float, verdict: Verdict = Verdict.HOLDS) -> None:
        """A stage before the faults is done: the contract, the run without faults."""

    def case_finished(self, system: str, case: CaseReport) -> None:
        """A case is judged."""

    def system_finished(self, system: SystemReport) -> None:
        """All cases of a system are judged."""

    def run_finished(self, run: RunReport, written: Sequence[str]) -> None:
        """Everything is judged. written: paths of the reports."""


class Terminal:
    """The reporter that prints.

    Args:
        console: where to print; standard output unless given.
        picture: path of the HTML page to come, named in every failure.
        environ: where `CI` is looked up.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        picture: str = "",
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        console = console or Console(highlight=False)
        self.lively = console.is_terminal and not environ.get("CI")
        self.width = min(console.width, WIDEST) if self.lively else PLAIN_WIDTH
        self.console = console if self.lively else _plain(console)
        self.picture = picture
        self._clock = clock
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._started_s = self._said_s = clock()
        self._planned = 0
        self._outcomes: list[Verdict] = []
        self._several = False
        self._pulse = threading.Event()

    def run_started(self, run: RunReport, names: Sequence[str]) -> None:
        """Prints the head: what runs, with what, and loudly so where the proxy is not the real one."""
        self._several = len(names) > 1
        proxy = run.toxiproxy
        facts = [
            f"retrigger {run.tool_version}",
            ", ".join(names),
            f"profile {run.profile}" if run.profile else "",
            f"explore {run.explore}" if run.explore else "",
            f"plan seed {run.seed}",
            f"{run.workers} worker{'' if run.workers == 1 else 's'}",
            f"toxiproxy {proxy.version} ({proxy.origin})",
        ]
        self._flow([clean(fact) for fact in facts if fact], style="bold")
        if not proxy.real:
            warning = "NOT A REAL TOXIPROXY: the built-in stand-in carries the network faults of this run."
            self._say(f"!! {warning} `retrigger doctor` says how to get the real one.", style="bold red", hang=3)

    def preparing(self, text: str) -> None:
        """Prints what is being set up."""
        self._say(f" ..  {clean(text)}", hang=5)

    def cases_started(self, cases: int, foreseen: str = "") -> None:
        """Says how long it will take, and starts the progress."""
        self._started_s = self._said_s = self._clock()
        self._planned, self._outcomes = cases, []
        self._say("")
        if foreseen:
            self._say(f" ..  {clean(foreseen)}", hang=5)
        if self.lively:
            columns = (TextColumn("  {task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[told]}"))
            self._progress = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
            self._task = self._progress.add_task("cases", total=cases or None, told="first without faults")
            self._progress.start()
        else:
            self._say(" ..  starting; each system first runs without faults", hang=5)
            self._pulse = threading.Event()
            threading.Thread(target=self._tell_of_silence, args=(self._pulse,), daemon=True).start()

    def stage_finished(self, stage: str, text: str, seconds: float, verdict: Verdict = Verdict.HOLDS) -> None:
        """Prints one line: what was done, how it went, how long it took."""
        self._stage(stage, text, seconds, verdict)

    def case_finished(self, system: str, case: CaseReport) -> None:
        """Moves the bar on, or says every few seconds how far it is. The first violation is told at once."""
        first = case.outcome is Verdict.VIOLATED and Verdict.VIOLATED not in self._outcomes
        self._outcomes.append(case.outcome)
        if self._progress:
            self._progress.update(self._task, advance=1, told=self._told())
        elif first or self._clock() - self._said_s >= EVERY_S:
            self._said_s = self._clock()
            self._say(f" ..  {clean(system)}: {self._told()}   {self._clock() - self._started_s:.0f} s", hang=5)

    def system_finished(self, system: SystemReport) -> None:
        """Prints the outcome of the faults, a block for each kind of violation, and what was not shown."""
        self._stop_progress()
        stage = clean(system.name) if self._several else "faults"
        self._stage(stage, _counted(system), system.seconds, system.verdict)
        violated = system.violated()
        kinds = list({(c.findings[0].code, c.findings[0].boundary): c for c in reversed(violated)}.values())[::-1]
        for case in kinds[:MAX_BLOCKS]:
            self._failure(case, case.findings[0])
        rest = len(violated) - min(len(kinds), MAX_BLOCKS)
        if rest:
            self._say(f"    and {rest} more plan{'' if rest == 1 else 's'} violated: see the report", style="dim")
        if violated and system.expect is Verdict.VIOLATED:
            self._say("")
            self._say("    This violation is expected: the manifest announces it.", style="bold", hang=4)
        self._troubles(system)
        self._known(system)
        for workflow in system.workflows:
            self._say("")
            for name, text in in_words(system, workflow):
                self._say(f"    {clean(name):<20}  {clean(text)}", hang=26)
        if not self._several:
            self._say("")
            self._landed(system)
            self._gaps(system)
            self._level(system)
            self._not_tested([system])

    def run_finished(self, run: RunReport, written: Sequence[str]) -> None:
        """Prints the systems side by side where there are several, and the result with the paths of the reports."""
        self._stop_progress()
        self._say("")
        if len(run.systems) > 1:
            self.console.print(_side_by_side(run.systems))
            for line in _expectations(run.systems):
                self._say(line, hang=4)
            self._say("")
            self._not_tested(run.systems)
            self._say("")
        known = any(system.is_known(case) for system in run.systems for case in system.cases)
        beyond = ["all of it known"] if known and run.exit_code == 0 else []
        beyond += ["stale baseline"] if any(system.stale for system in run.systems) else []
        result = [f"Result: {run.verdict.value}", *beyond, f"exit {run.exit_code}", *map(clean, written)]
        self._flow(result, style=STYLES[run.verdict])

    def _stage(self, stage: str, text: str, seconds: float, verdict: Verdict) -> None:
        line = Text.assemble(
            (f" {MARKS.get(verdict, '??')}  ", STYLES[verdict]), (f"{clean(stage):<14}  ", ""), clean(text)
        )
        took = f"{seconds:.1f} s"
        gap = self.width - line.cell_len - len(took)
        if gap >= 2:
            self.console.print(line.append(" " * gap + took))
        else:
            self._say(f"{line.plain}   {took}", hang=17)

    def _told(self) -> str:
        of = f"/{self._planned}" if self._planned else ""
        counts = [f"{self._outcomes.count(v)} {WORDS[v]}" for v in WORDS if v in self._outcomes]
        return ", ".join([f"{len(self._outcomes)}{of} cases", *counts])

    def _failure(self, case: CaseReport, finding: Finding) -> None:
        """The block of the first violation of a case: enough to understand it without any other file."""
        self._say("")
        title = f"{finding.code} {finding.title}"
        self._flow(
            [clean(title), clean(f"boundary {finding.boundary}"), clean(f"plan {case.told_plan}")], style="bold red"
        )
        self._say(f"    {clean(finding.summary)}", hang=4, style="bold")
        in_columns = all(cell_len(step.text) <= self.width - 9 for step in finding.witness)
        for number, step in enumerate(finding.witness, start=1):
            self._say(f"    {number:>3}  {clean(step.text if in_columns else step.squeezed)}", hang=9)
        if finding.likely:
            self._say(f"    likely      {clean(finding.likely)}", hang=16)
        if finding.declared:
            self._say(f"    declared    {clean(finding.declared)}", hang=16)
        where = [
            ("where to look", finding.where_to_look),
            ("who owned recovery", finding.owner),
            ("how far it spread", finding.spread),
        ]
        self._pairs(where)
        if case.smallest_of or case.of:
            self._say(f"    {_smallest(case)}", hang=4)
        commands = [("replay", f"retrigger replay {case.told_plan}"), ("why", f"retrigger explain {finding.code}")]
        self._pairs([*commands, ("picture", self.picture)])

    def _troubles(self, system: SystemReport) -> None:
        """Errors of the harness, undecided cases, plans that showed nothing, what was not judged; a few of each."""
        errors = [f"{c.plan}: {c.error or 'the harness failed'}" for c in system.cases if c.outcome is Verdict.ERROR]
        undecided = [case for case in system.cases if case.outcome is Verdict.INCONCLUSIVE]
        slow = [": ".join(filter(None, (c.plan, ", ".join(c.faults), c.error))) for c in undecided]
        silent = [f"{n.plan}: {', '.join(n.faults)}: {n.why}" for n in system.not_exercised if not _is_swept(n)]
        swept = sum(map(_is_swept, system.not_exercised))
        silent += [f"{swept} kills at calls of the kernel that this work does not make"] if swept else []
        notes = list(dict.fromkeys(note for c in system.cases for note in c.notes))
        for name, lines in (("error", errors), ("inconclusive", slow), ("not exercised", silent), ("note", notes)):
            for line in lines[:MAX_LISTED]:
                self._say(f"    {name:<13} {clean(line)}", hang=18, style="yellow")
            if len(lines) > MAX_LISTED:
                self._say(f"    {name:<13} and {len(lines) - MAX_LISTED} more", style="yellow")

    def _known(self, system: SystemReport) -> None:
        """What the baseline says, entry by entry; a stale one stands out."""
        for entry in system.baseline:
            state = entry.state(system.cases)
            text = f"{clean(entry.property)} under {clean(entry.family)}: {clean(entry.reason)}"
            advice = "; it holds now: delete this entry" if state == "stale" else ""
            self._say(f"    known {state:<8}{text}{advice}", hang=18, style="bold red" if advice else "yellow")

    def _level(self, system: SystemReport) -> None:
        """The level of the contract, what is claimed there, and what of it nothing put to the test."""
        if system.level:
            self._flow([system.level, f"claimed: {' '.join(system.claimed)}"], first="level reached    ")
        if system.silent:
            self._say(f"not exercised    {' '.join(system.silent)} (nothing put them to the test)", hang=17)
        if system.not_claimed:
            self._say("not claimed      " + "; ".join(map(clean, system.not_claimed)), hang=17)

    def _landed(self, system: SystemReport) -> None:
        families = [f"{clean(k)} {n}{'' if n else ' (!)'}" for k, n in system.faults_landed.items()] or ["none (!)"]
        self._flow(families, first="faults landed    ")

    def _gaps(self, system: SystemReport) -> None:
        """How many points of the manifest were hit, and by reason those that never were."""
        if not system.gaps:
            return
        whys: dict[str, list[str]] = {}
        for gap in system.gaps:
            if gap.why:
                whys.setdefault(gap.why, []).append(gap.gap)
        hit = f"{sum(not gap.why for gap in system.gaps)} of {len(system.gaps)}"
        missed = [f"{why}: {', '.join(gaps)}" for why, gaps in whys.items()]
        self._say("gaps hit         " + clean("; ".join([hit, *missed])), hang=17)

    def _not_tested(self, systems: Sequence[SystemReport]) -> None:
        things = dict.fromkeys(thing for system in systems for thing in system.not_tested)
        if things:
            self._say("not tested       " + ", ".join(map(clean, things)), hang=17)

    def _pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._flow([f"{name}   {clean(text)}" for name, text in pairs if text], first="    ", gap=6)

    def _flow(self, parts: Sequence[str], *, first: str = "", gap: int = 3, style: str = "") -> None:
        """Prints parts beside each other, and where the line is full goes on below the first."""
        line, used = first, False
        for part in parts:
            joined = f"{line}{' ' * gap}{part}" if used else f"{line}{part}"
            if used and cell_len(joined) > self.width:
                self._say(line, hang=len(first), style=style)
                joined = " " * len(first) + part
            line, used = joined, True
        self._say(line, hang=len(first) or 4, style=style)

    def _say(self, text: str, *, hang: int = 0, style: str = "") -> None:
        """Prints a line; where it is too long, goes on below at column `hang`."""
        lead = text[:hang] if not text[:hang].strip() or hang > 3 else ""
        body = text[len(lead) :]
        lines = Text(body).wrap(self.console, max(20, self.width - len(lead)))
        for number, line in enumerate(lines or [Text("")]):
            self.console.print(Text((lead if number == 0 else " " * len(lead)) + line.plain.rstrip(), style=style))

    def _tell_of_silence(self, ended: threading.Event) -> None:
        """Says every now and then that a long wait goes on, so that nobody takes it for a hang."""
        while not ended.wait(1.0):
            if self._clock() - self._said_s >= SILENT_S:
                self._said_s = self._clock()
                waited_s = self._clock() - self._started_s
                self._say(f" ..  {self._told()}, still waiting   {waited_s:.0f} s", hang=5)

    def _stop_progress(self) -> None:
        self._pulse.set()
        if self._progress:
            self._progress.stop()
            self._progress = None


def clean(text: str) -> str:
    """The text without what a terminal would obey: escape codes, line ends, marks that turn its direction."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _plain(console: Console) -> Console:
    return Console(
        file=console.file, width=PLAIN_WIDTH, color_system=None, force_terminal=False, highlight=False, markup=False,
        legacy_windows=False,
    )  # fmt: skip


def _counted(system: SystemReport) -> str:
    counts = system.counts()
    holds, others = counts.pop(Verdict.HOLDS, 0), [f"{n} {WORDS[v]}" for v, n in counts.items()]
    plans = f"{system.plans} plans, " if system.plans != len(system.cases) else ""
    return "   ".join([f"{plans}{holds}/{len(system.cases)} cases hold", *others])


def _smallest(case: CaseReport) -> str:
    parts = []
    if case.smallest_of:
        before = f" ({case.steps_before} steps before shrinking)" if case.steps_before else ""
        parts.append(f"smallest of {case.smallest_of} plan{'' if case.smallest_of == 1 else 's'}{before}")
    if case.of:
        parts.append(f"reproduced {case.reproduced} of {case.of}")
    return ", ".join(parts)


def _side_by_side(systems: Sequence[SystemReport]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("system", "verdict", "who drives it again"):
        table.add_column(name, overflow="fold")
    for name in ("plans", "cases", "landed", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for system in systems:
        verdict = Text(system.verdict.value, style=STYLES[system.verdict])
        figures = (system.plans, len(system.cases), sum(system.faults_landed.values()), f"{system.seconds:.1f}")
        table.add_row(Text(clean(system.name)), verdict, Text(_owners(system)), *map(str, figures))
    return table


def _owners(system: SystemReport) -> str:
    triggers = {edge.target: edge.trigger for edge in system.edges if edge.trigger}
    named = dict.fromkeys(triggers.get(b.target, b.trigger) for b in system.boundaries)
    return clean(", ".join([*named, *(["nobody"] if system.unowned else [])]))


def _expectations(systems: Sequence[SystemReport]) -> list[str]:
    lines = []
    for system in systems:
        if system.expect is Verdict.VIOLATED and system.as_expected:
            lines.append(
                f"{clean(system.name)} is violated, as expected: its manifest announces it, and the faults show it."
            )
        elif not system.as_expected:
            lines.append(
                f"{clean(system.name)} is {system.verdict.value}, which is NOT expected ({system.expect.value})."
            )
    return lines


def _is_swept(plan: NotExercised) -> bool:
    """A kill at one more call of the kernel: how many of them there are nobody knows beforehand."""
    return all(" @syscall " in fault for fault in plan.faults)
