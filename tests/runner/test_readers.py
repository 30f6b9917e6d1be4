"""What the readers of step logs and parking places make visible: real services, one right and one wrong of each."""

from __future__ import annotations

from pathlib import Path

from harness.checks import Verdict
from harness.history import Kind
from harness.runner.stage import Judged
from tests.runner.rehearsal import rehearsing
from tests.runner.systems import INBOX, Source

POISON = "poison worker->world @recv charge w1"
EFFECT = 'effect("charge", row[0], row[1], key=row[0])'
READER = INBOX.files["retrigger.toml"].strip().splitlines()[-1]
FAILS = "            time.sleep(0.02)\n            continue"

PARKING = INBOX.changed(
    "worker.py",
    ("    db = store", "    failed = {}\n    db = store"),
    (
        FAILS,
        "            failed[row[0]] = failed.get(row[0], 0) + 1\n"
        "            if failed[row[0]] == 3:\n"
        '                db.execute("update inbox set done = 2 where id = ?", (row[0],))\n'
        "            continue",
    ),
).changed(
    "retrigger.toml", (READER, f'{READER}\n\n[[parked]]\nedge = "orders -> payments"\n{READER.replace("= 0", "= 2")}')
)
DROPPING = PARKING.changed("worker.py", ("done = 2", "done = 3"))
ENDLESS = PARKING.changed("worker.py", ("] == 3:", "] == 0:")).changed(
    "retrigger.toml", ("max_detect_s = ", "attempts = 3, max_detect_s = ")
)

LOG = 'db.execute("create table if not exists log (work text, step text)")'
LOGGING = INBOX.changed(
    "worker.py",
    ('    db = store(os.environ["DATA_DIR"])\n', f'    db = store(os.environ["DATA_DIR"])\n    {LOG}\n'),
    (
        f"            {EFFECT}\n",
        "            done = {step for step, in db.execute('select step from log where work = ?', (row[0],))}\n"
        "            for name in ('charge', 'mail'):\n"
        "                if name in done:\n"
        "                    continue\n"
        "                effect(name, row[0], row[1], key=row[0])\n"
        "                db.execute('insert into log values (?, ?)', (row[0], name))\n",
    ),
).changed(
    "retrigger.toml",
    ('process = "worker"\nwork = "inbox"', 'process = "worker"\nwork = "log"'),
    (
        'effects = [{ name = "charge", sink = "keyed", at = "POST {link:world}/charge" }]',
        'effects = [\n  { name = "charge", at = "POST {link:world}/charge" },\n'
        '  { name = "mail", at = "POST {link:world}/mail" },\n]',
    ),
    (
        READER,
        f'{READER}\n\n[[journal]]\nnode = "payments"\n'
        'sql = { sqlite = "{data:orders}/inbox.db", query = "select work || \' \' || step from log" }',
    ),
)
UNREAD = LOGGING.changed("worker.py", ("if name in done:", "if False:"))
BEHIND = LOGGING.changed(
    "worker.py",
    ("                db.execute('insert into log values (?, ?)', (row[0], name))\n", ""),
    (
        '        db.execute("update inbox set done = 1',
        "        db.execute(\"insert into log values (?, 'charge'), (?, 'mail')\", (row[0], row[0]))\n"
        '        db.execute("update inbox set done = 1',
    ),
)


def run(source: Source, folder: Path, *faults: str) -> Judged:
    """One case of a system."""
    with rehearsing(source.open(folder)) as rehearsal:
        return rehearsal.run(*faults)


def codes(judged: Judged) -> set[str]:
    return {violation.code for violation in judged.verdict.violations}


def test_poison_that_is_parked_holds_up_nobody(tmp_path: Path) -> None:
    """W1 fails for good and is parked, w2 is done, and nothing is called lost."""
    judged = run(PARKING, tmp_path, POISON)
    assert judged.outcome is Verdict.HOLDS, judged.error or judged.verdict.why
    assert judged.verdict.verdicts["P13"].verdict is Verdict.HOLDS


def test_poison_that_is_dropped_is_told(tmp_path: Path) -> None:
    """Given up, and put nowhere."""
    assert codes(run(DROPPING, tmp_path, POISON)) >= {"RT215"}


def test_poison_that_is_tried_for_ever_is_given_up_on(tmp_path: Path) -> None:
    """Three attempts are declared; after a multiple of them, and of their time, nobody waits for more."""
    judged = run(ENDLESS, tmp_path, POISON)
    assert codes(judged) >= {"RT215"}
    deadline = judged.run.history.of(Kind.DEADLINE)[0]
    assert deadline.data["state"] == "livelock"
    assert deadline.at_s < deadline.data["budget_s"]  # the hard cap is a multiple of that


def test_work_that_is_given_up_in_an_outage_is_told_as_that(tmp_path: Path) -> None:
    """Nothing was discharged too early: it stands in its parking place, after attempts that ended before the outage."""
    judged = run(PARKING, tmp_path, "refuse worker->world @recv charge w1 until detect")
    likely = {violation.likely for violation in judged.verdict.violations if violation.code == "RT101"}
    assert len(likely) == 1
    assert likely.pop().startswith("given up and parked before the outage was over")


def test_a_step_in_the_log_is_not_attempted_again(tmp_path: Path) -> None:
    """Killed in its second step, the node goes on there."""
    judged = run(LOGGING, tmp_path, "kill worker @recv mail w1")
    assert judged.outcome is Verdict.HOLDS, judged.error or judged.verdict.why
    assert judged.verdict.verdicts["P7"].verdict is Verdict.HOLDS


def test_a_log_that_nobody_reads_is_told(tmp_path: Path) -> None:
    """Killed in its second step, the node begins at the first."""
    assert codes(run(UNREAD, tmp_path, "kill worker @recv mail w1")) >= {"RT401"}


def test_a_log_that_comes_late_is_told_without_a_fault(tmp_path: Path) -> None:
    """The second step begins before the first one's result is durable."""
    assert codes(run(BEHIND, tmp_path)) >= {"RT402"}
