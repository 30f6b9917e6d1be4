"""What a person reads while a run goes on, with a terminal and without one."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.checks import Verdict
from harness.report.model import Finding, GapReport, NotExercised, RunReport, SystemReport, Toxiproxy, WitnessStep
from harness.report.terminal import Terminal
from tests.report.samples import duplicate_case, inbox_system, keyed_case, naive_system, queue_system, run_of

STAND_IN = Toxiproxy(version="1", origin="built in", real=False)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def told(run: RunReport, *, terminal: bool = False, step_s: float = 0.1, **environ: str) -> str:
    """Everything that is printed while this run goes by, each case `step_s` after the one before."""
    file, clock = io.StringIO(), Clock()
    console = Console(file=file, force_terminal=terminal, width=100, legacy_windows=False, _environ={"TERM": "xterm"})
    reporter = Terminal(console, picture="report/index.html", environ=environ, clock=clock)
    reporter.run_started(replace(run, systems=()), [system.name for system in run.systems])
    reporter.cases_started(sum(system.plans for system in run.systems))
    for system in run.systems:
        reporter.stage_finished("contract", "submit, observe, 2 processes, 3 links through the proxy", 1.1)
        for case in system.cases:
            clock.now_s += step_s
            reporter.case_finished(system.name, case)
    for system in run.systems:
        reporter.system_finished(system)
    reporter.run_finished(run, ["report/index.html", "report/junit.xml"])
    return file.getvalue()


def violated_system() -> SystemReport:
    """A duplicate and a case that holds."""
    return inbox_system(duplicate_case(), keyed_case())


def test_plain_output_has_no_escape_codes_and_fits_80_columns() -> None:
    """A log file, a pipe, an 80-column mail: nothing to strip, nothing to wrap."""
    output = told(run_of(violated_system(), queue_system(), naive_system(), toxiproxy=STAND_IN))
    assert "\x1b" not in output
    assert "\r" not in output
    assert max(cell_len(line) for line in output.splitlines()) <= 80


def test_ci_is_plain_even_on_a_terminal() -> None:
    """CI systems offer a terminal and then store what was written to it."""
    assert "\x1b" in told(run_of(violated_system()), terminal=True)
    assert "\x1b" not in told(run_of(violated_system()), terminal=True, CI="true")


def test_a_terminal_shows_the_same_facts_as_a_log() -> None:
    """Colours add nothing that the words do not say."""
    output = told(run_of(violated_system()), terminal=True)
    for fact in ("RT102 duplicate effect", "KILL worker", "Result: VIOLATED", "reproduced 5 of 5"):
        assert fact in output


def test_a_failure_says_what_happened_who_was_responsible_and_what_to_do() -> None:
    """Every line of the block is there, the witness numbered."""
    output = told(run_of(violated_system()))
    for fact in (
        'RT102 duplicate effect   boundary "payments" (callee: worker)   plan d1biDm',
        "      3  KILL worker",
        "likely      the charge carries no idempotency key",
        "where to look   worker",
        'who owned recovery   inbox of "payments"',
        "how far it spread   worker only",
        "smallest of 9 plans (11 steps before shrinking), reproduced 5 of 5",
        "retrigger replay d1biDm",
        "retrigger explain RT102",
        "picture   report/index.html",
        "Result: VIOLATED   exit 1   report/index.html   report/junit.xml",
    ):
        assert fact in output


def test_faults_that_never_landed_are_marked() -> None:
    """A zero is a hole in the test, not a success."""
    output = told(run_of(violated_system()))
    assert "kill ack..inbox 0 (!)" in output
    assert "reply lost 31 (!)" not in output


def test_the_head_names_the_proxy_and_shouts_where_it_is_the_stand_in() -> None:
    """Which Toxiproxy, from where; and a warning of its own where it is not one."""
    assert "toxiproxy 2.12.0 (go install)" in told(run_of(violated_system()))
    assert "NOT A REAL TOXIPROXY" not in told(run_of(violated_system()))
    assert "NOT A REAL TOXIPROXY" in told(run_of(violated_system(), toxiproxy=STAND_IN))


def test_a_demo_ends_with_all_systems_side_by_side_and_calls_the_naive_one_expected() -> None:
    """Each verdict on its row, the violation announced, exit 0."""
    output = told(run_of(queue_system(), inbox_system(), naive_system()))
    table = output[output.index("who drives it again") :]
    rows = {words[0]: words[1] for words in map(str.split, table.splitlines()) if words[1:]}
    assert "This violation is expected" in output
    assert "callee-naive is violated, as expected" in " ".join(output.split())
    assert "Result: HOLDS   exit 0" in output
    assert (rows["callee-inbox"], rows["caller-queue"]) == ("HOLDS", "HOLDS")


def test_a_violation_that_was_not_announced_is_called_unexpected() -> None:
    """In a demo of four the broken one stands out."""
    output = " ".join(told(run_of(queue_system(), violated_system())).split())
    assert "callee-inbox is VIOLATED, which is NOT expected" in output
    assert "Result: VIOLATED exit 1" in output


def test_a_long_run_without_terminal_says_now_and_then_how_far_it_is() -> None:
    """One line every few seconds, not one per case, and a violation at once."""
    cases = [keyed_case(f"p{n}") for n in range(100)]
    output = told(run_of(inbox_system(*cases)), step_s=0.25)
    assert output.count(" ..  callee-inbox") == 5
    assert told(run_of(violated_system())).count(" ..  callee-inbox") == 1


def test_undecided_and_unexercised_plans_are_named() -> None:
    """What was not shown is said, with the reason."""
    slow = replace(keyed_case("s1ow"), outcome=Verdict.INCONCLUSIVE, error="the rows of charge were not read")
    failed = replace(keyed_case("err0r"), outcome=Verdict.ERROR, error="the port never answered")
    output = told(run_of(inbox_system(slow, failed, verdict=Verdict.ERROR), queue_system()))
    assert "inconclusive s1ow: kill worker @applied charge w7: the rows of charge were not read" in " ".join(
        output.split()
    )
    assert "error         err0r: the port never answered" in output
    assert "not exercised zz9" in output
    assert "exit 4" in output


def test_kills_at_calls_that_never_came_are_one_line() -> None:
    """How many calls a piece of work makes nobody knows beforehand, so those beyond are no news one by one."""
    beyond = [NotExercised(plan=f"c{n}", faults=(f"kill worker @syscall write #{n}",), why="not seen") for n in "234"]
    output = told(run_of(replace(queue_system(), not_exercised=tuple(beyond))))
    assert "not exercised 3 kills at calls of the kernel that this work does not make" in " ".join(output.split())


@pytest.mark.parametrize("name", ["\x1b[2J\x1b]0;owned\x07", "a\nResult: HOLDS", "\u202ereversed", "[bold]x[/bold]"])
def test_a_terminal_is_not_obeyed_through_names(name: str) -> None:
    """Control characters, line ends and markup in what a service or manifest says stay visible text."""
    finding = Finding(
        code="RT1", title=name, property="P2", boundary=name, work=name, summary=name, likely=name, owner=name,
        witness=(WitnessStep(text=name),),
    )  # fmt: skip
    case = replace(duplicate_case(), findings=(finding,), plan=name, faults=(name,))
    gaps = (GapReport(gap=name, why=name), GapReport(gap="b", hits={name: 1}))
    output = told(run_of(inbox_system(case, name=name, faults_landed={name: 0}, not_tested=(name,), gaps=gaps)))
    assert not [letter for letter in output if not letter.isprintable() and letter != "\n"]
    assert not [line for line in output.splitlines() if line.startswith("Result: HOLDS")]
    assert "[bold]x" in output or "[bold]" not in name


def test_gaps_that_nothing_hit_are_named_by_reason() -> None:
    """One line that stays short where all were hit, and says what was left out where not."""
    gaps = [GapReport(gap=f"@recv {name}", hits={"kill": 2}) for name in ("charge", "mail")]
    assert "gaps hit         2 of 2\n" in told(run_of(inbox_system(gaps=tuple(gaps))))
    gaps += [GapReport(gap=f"@ready {name}", why="not in --explore core") for name in ("orders", "worker")]
    output = told(run_of(inbox_system(gaps=tuple(gaps))))
    assert "gaps hit         2 of 4; not in --explore core: @ready orders, @ready worker\n" in output


def test_words_longer_than_the_line_are_folded() -> None:
    """A path of 300 characters does not break the width."""
    case = replace(duplicate_case(), findings=(replace(duplicate_case().findings[0], summary="x" * 300),))
    output = told(run_of(inbox_system(case, name="n" * 90)))
    assert max(cell_len(line) for line in output.splitlines()) <= 80
    assert output.count("x") > 299
