"""`check`: is the manifest true? And what could be added so that a run sees more."""

from __future__ import annotations

import asyncio
import os
import time

from rich.console import Console
from rich.markup import escape

from harness.checks import Verdict
from harness.cli.session import worker_count
from harness.conformance.campaign import Campaign, usual
from harness.conformance.check import Checked, Step, check_system
from harness.conformance.levels import level_of
from harness.conformance.where import manifest_path
from harness.errors import HarnessError
from harness.history import Kind
from harness.network import find_server
from harness.report.families import told
from harness.report.gather import findings_of
from harness.report.model import CaseReport, exit_code
from harness.report.redaction import Secrets, secrets_of
from harness.report.terminal import MARKS
from harness.runner.system import System

__all__ = ["check"]

WIDTH = 110
NAMES = 24
SETUP_S = 3.0
EARLY = "RT103"
UNSEEN = "RT212"
MEANT = """If it is meant to answer first and to work later, the manifest lacks the hand-off: a second [[node]] with the
effects, and an [[edge]] with awaits = false and the trigger that owns the work. `retrigger init` writes
both, as comments."""
LOOKS_PAST = """If the record is durable before the answer, its reader looks past it: [[pending]] of {edges}
listed no work in this run. Hold it against what the service writes."""


def check(manifest: str, image: str = "") -> int:
    """Checks one manifest, its processes in containers of an image if need be; returns the exit code."""
    begun_s = time.monotonic()
    campaign = usual(Campaign(manifests=(manifest_path(manifest),), image=image))
    [system] = campaign.systems()
    printer = _Printer(secrets_of([system.manifest]))
    try:
        server = find_server(progress=lambda text: printer.say(f" ..  {text}"))
        printer.say(f"retrigger check   {system.name}   {os.path.relpath(system.manifest.path)}")
        real = "" if server.real else "   NOT A REAL TOXIPROXY: `retrigger doctor` says how to get one"
        printer.say(f"toxiproxy {server.version} ({server.origin}){real}\n")
        printer.step(Step(name="manifest", text=_manifest_words(system), seconds=time.monotonic() - begun_s))
        checked = asyncio.run(check_system(system, server, printer.step))
    except HarnessError as error:
        raise type(error)(*(printer.secrets.hide(str(problem)) for problem in error.problems)) from None
    _findings(system, checked, printer)
    _levels(system, printer)
    _forecast(campaign, system, checked, printer)
    code = exit_code(checked.verdict)
    result = {Verdict.HOLDS: "the manifest is true", Verdict.INCONCLUSIVE: "not everything is proven"}
    told_result = result.get(checked.verdict, f"{checked.verdict.value} without any fault")
    printer.say(f"\nResult: {told_result}   exit {code}   {time.monotonic() - begun_s:.1f} s")
    if code == 0:
        printer.say(f"next: retrigger run {manifest}")
    return code


class _Printer:
    """Prints lines without secrets and without obeying what a service says."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self.console = Console(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Prints a text as it is."""
        shown = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
        self.console.print(escape(self.secrets.hide(shown)))

    def step(self, step: Step) -> None:
        """Prints a step, its time at the end of the line."""
        line = f" {MARKS.get(step.verdict, '??')}  {step.name:<{NAMES}}  {step.text}"
        took = f"{step.seconds:.1f} s"
        self.say(f"{line}{' ' * max(2, WIDTH - len(line) - len(took))}{took}")


def _manifest_words(system: System) -> str:
    manifest = system.manifest
    effects = len(system.effects)
    counts = [(len(manifest.process), "process"), (len(manifest.node), "node"), (len(manifest.edge), "edge")]
    counts += [(effects, "effect"), (len(system.links), "link"), (len(manifest.pending), "reader")]
    return ", ".join(f"{count} {_plural(word, count)}" for count, word in counts)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"


def _findings(system: System, checked: Checked, printer: _Printer) -> None:
    if checked.judged.outcome is Verdict.VIOLATED:
        findings = findings_of(checked.run.history, checked.judged, system.manifest.path)
        case = CaseReport(plan=checked.run.plan.id, outcome=Verdict.VIOLATED, findings=findings)
        printer.say("\n" + told(case))
        if any(finding.code == EARLY for finding in findings):
            printer.say(f"\n{MEANT}")
        blind = _never_listed(system, checked)
        if blind and any(finding.code == UNSEEN for finding in findings):
            printer.say("\n" + LOOKS_PAST.format(edges=", ".join(blind)))


def _never_listed(system: System, checked: Checked) -> list[str]:
    """The edges whose readers of pending work found none of it."""
    history = checked.run.history
    held = {where for event in history.of(Kind.LOOK) for where, works in event.data["held"].items() if works}
    held |= {event.where for event in history.of(Kind.PENDING) if event.data["works"]}
    return sorted({reader.edge for reader in system.manifest.pending} - held)


def _levels(system: System, printer: _Printer) -> None:
    reached = level_of(system.manifest)
    printer.say(f"\nlevel reached    {reached.level or 'none'}   claimed: {' '.join(reached.claimed)}")
    for line in reached.not_claimed:
        printer.say(f"not claimed      {line}")
    if reached.next:
        level, gaps = reached.next
        printer.say(f"to reach {level.name}      {level.adds} (unlocks {' '.join(level.unlocks)}):")
        for gap in gaps:
            printer.say(f"    {gap.what}")
            printer.say("        " + gap.fix.replace("\n", "\n        "))


def _forecast(campaign: Campaign, system: System, checked: Checked, printer: _Printer) -> None:
    """How long a run takes: a case is about the fault-free one, as much again for its replay, and one detection."""
    plans = len(campaign.plans(system))
    workers = worker_count("auto")
    start_s = checked.run.seconds["start"]
    each_s = start_s + 2 * (checked.run.seconds["case"] - start_s) + system.bounds.detect_s
    whole_s = SETUP_S + plans * each_s / workers
    printer.say(
        f"\na whole run      {plans} plans, about {_rounded(whole_s)} with {workers} workers; "
        f"the longest declared detection is {system.bounds.detect_s:g} s"
    )


def _rounded(seconds: float) -> str:
    return f"{max(5, 5 * round(seconds / 5))} s" if seconds < 120 else f"{seconds / 60:.0f} min"
