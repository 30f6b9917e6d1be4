"""Services that are right, with declarations that are not: one word of the manifest swapped for another.

Each swap says what would be true of another system, and which line the finding has to name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.runner.systems import INBOX, Source

__all__ = ["SWAPS", "Swap"]

PATTERNS = Path(__file__).parents[2] / "patterns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A system with one wrong word.

    source: the system. changes: pieces of its manifest, each with what stands in its place.
    faults: the plan under which it shows; none where it shows without. code: of the finding.
    line: how the line of the manifest begins that the finding names.
    """

    source: Source
    changes: tuple[tuple[str, str], ...]
    code: str
    line: str
    faults: tuple[str, ...] = ()

    @property
    def declared(self) -> Source:
        """The system as it is declared."""
        return self.source.changed("retrigger.toml", *self.changes) if self.changes else self.source


def pattern(name: str) -> Source:
    """A pattern of this project as files; its services are found where they are."""
    return Source(name=name, files={"retrigger.toml": (PATTERNS / name / "retrigger.toml").read_text()})


UPSTREAM = pattern("upstream_sync")
CALLEE = pattern("callee_inbox")
NAIVE = pattern("callee_naive")

LEDGER_EDGE = '[[edge]]\nfrom = "payments"\nto = "ledger"\nawaits = true\nretries = 0'
LEDGER_NODE = 'route = "POST /entries"\nwork_id = "json:/id"\nwork = "reexec"'
INBOX_EDGE = 'trigger = { placement = "callee", kind = "inbox", max_detect_s = 0.1, backoff_max_s = 0.05 }'
INBOX_READER = '[[pending]]\nedge = "orders -> payments"\n' + INBOX.files["retrigger.toml"].strip().rpartition("\n")[2]
NOBODY = NAIVE.files["retrigger.toml"].strip().rpartition("\n")[2]
NOBODYS_TRIGGER = 'trigger = { placement = "callee", kind = "inbox", max_detect_s = 0.1 }'
EMPTY_READER = '[[pending]]\nedge = "orders -> payments"\ncommand = ["true"]'
INSERT = 'db.execute("insert or ignore into inbox (id, nonce) values (?, ?)", (order["id"], order["nonce"]))'
EARLY_ACK = INBOX.changed(
    "orders.py",
    (f"{INSERT}\n    await answer(send, 202)", f"await answer(send, 202)\n    await asyncio.sleep(0.3)\n    {INSERT}"),
    ("import os", "import asyncio, os"),
)
TWO_PARTS = INBOX.changed(
    "worker.py",
    (
        'effect("charge", row[0], row[1], key=row[0])',
        'effect("charge", row[0], row[1], key=row[0])\n            effect("mail", row[0], row[1], key=row[0])',
    ),
)
CHARGE = '{ name = "charge", sink = "keyed", at = "POST {link:world}/charge" }'
MAIL = '{ name = "mail", sink = "keyed", at = "POST {link:world}/mail" }'

SWAPS: dict[str, Swap] = {
    "a queue where a call is": Swap(
        source=UPSTREAM,
        changes=(
            (
                LEDGER_EDGE,
                '[[edge]]\nfrom = "payments"\nto = "ledger"\nawaits = false\n'
                'trigger = { placement = "caller", kind = "queue" }',
            ),
        ),
        code="RT504",
        line="trigger = {",
    ),
    "awaited where it is handed off": Swap(
        source=INBOX,
        changes=((f"awaits = false\n{INBOX_EDGE}", "awaits = true"), (INBOX_READER, "")),
        code="RT103",
        line="awaits = true",
    ),
    "a trigger where none is": Swap(
        source=NAIVE,
        changes=((NOBODY, f"awaits = false\n{NOBODYS_TRIGGER}\n\n{EMPTY_READER}"),),
        faults=("kill orders @recv charge w1",),
        code="RT101",
        line="trigger = {",
    ),
    "a record where it re-executes": Swap(
        source=UPSTREAM,
        changes=((LEDGER_NODE, LEDGER_NODE.replace("reexec", "inbox")),),
        code="RT505",
        line='work = "inbox"',
    ),
    "a keyed sink where it is plain": Swap(
        source=INBOX.changed("worker.py", ("key=row[0])", 'key="")')),
        changes=(),
        faults=("kill worker @applied charge w1",),
        code="RT102",
        line='effects = [{ name = "charge", sink = "keyed"',
    ),
    "a longer claim than there is": Swap(
        source=CALLEE,
        changes=(("lease_s = 0.2\n", "lease_s = 4.0\n"),),
        faults=("kill worker @recv charge w1",),
        code="RT506",
        line="lease_s = 4.0",
    ),
    "an edge left out": Swap(source=UPSTREAM, changes=((LEDGER_EDGE, ""),), code="RT502", line="[[node]]"),
    "a node in another process": Swap(
        source=UPSTREAM,
        changes=(
            ('name = "ledger"\nprocess = "ledger"\nroute = "POST /entries"', 'name = "ledger"\nprocess = "payments"'),
        ),
        code="RT501",
        line='process = "payments"',
    ),
    "an acknowledgement after it is durable": Swap(
        source=EARLY_ACK, changes=(), code="RT212", line='trigger = { placement = "callee"'
    ),
    "fewer attempts than are made": Swap(
        source=INBOX,
        changes=(("max_detect_s = 0.1,", "attempts = 1, max_detect_s = 0.1,"),),
        faults=("cut reply worker->world @recv charge w1",),
        code="RT210",
        line="trigger = {",
    ),
    "steps in another order": Swap(
        source=TWO_PARTS,
        changes=((f"effects = [{CHARGE}]", f"effects = [{MAIL}, {CHARGE}]"),),
        code="RT507",
        line="[[node]]",
    ),
}
"""Eleven ways to say it wrongly."""
