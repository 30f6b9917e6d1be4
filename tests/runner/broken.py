"""Six ways to get it wrong, each one change away from a system that is right, and the correct ones beside them."""

from __future__ import annotations

from tests.runner.systems import CHAIN, INBOX

__all__ = ["BROKEN", "CLAIM_FOR_EVER", "CORRECT", "MARK_BEFORE_EFFECT", "RECOVERY_AT_START"]


INSERT = 'db.execute("insert or ignore into inbox (id, nonce) values (?, ?)", (order["id"], order["nonce"]))'
DONE = 'db.execute("update inbox set done = 1 where id = ?", (row[0],))'

ACK_BEFORE_DURABLE = INBOX.changed(
    "orders.py",
    (f"{INSERT}\n    await answer(send, 202)", f"await answer(send, 202)\n    await asyncio.sleep(0.05)\n    {INSERT}"),
    ("import os", "import asyncio, os"),
)
KEY_PER_ATTEMPT = INBOX.changed("worker.py", ("key=row[0])", "key=os.urandom(4).hex())"))
MARK_BEFORE_EFFECT = INBOX.changed(
    "worker.py",
    (f"            continue\n        {DONE}\n", "            continue\n"),
    ("        try:\n", f"        {DONE}\n        try:\n"),
    ("time.sleep(0.02)", 'db.execute("update inbox set done = 0 where id = ?", (row[0],))'),
)
IN_MEMORY_DEDUPE = CHAIN.changed(
    "orders.py",
    ("async def app", "seen = set()\n\nasync def app"),
    ("    try:\n", '    if order["id"] in seen:\n        await answer(send, 200)\n        return\n    try:\n'),
    ('key=order["id"])', 'key="")\n        seen.add(order["id"])'),
)
PLACED = 'db.execute("create table if not exists placed (id text primary key)")'
RESERVE = 'effects = [{ name = "reserve", sink = "keyed", at = "POST {link:world}/reserve" }]'
LOST_HAND_OFF = INBOX.changed(
    "orders.py",
    ("import os\n", "import asyncio, http.client, os\n"),
    ("import answer, body_of, store", "import answer, body_of, effect, store"),
    (
        f"    {INSERT}\n",
        """    if db.execute("insert or ignore into placed (id) values (?)", (order["id"],)).rowcount:
        try:
            await asyncio.to_thread(effect, "reserve", order["id"], order["nonce"], key=order["id"])
        except (OSError, http.client.HTTPException):
            db.execute("delete from placed where id = ?", (order["id"],))
            await answer(send, 503)
            return
        """
        + INSERT
        + "\n",
    ),
    ('db = store(os.environ["DATA_DIR"])', f'db = store(os.environ["DATA_DIR"])\n{PLACED}'),
).changed(
    "retrigger.toml",
    ('env = { DATA_DIR = "{data}" }', 'env = { DATA_DIR = "{data}", WORLD_URL = "{link:world}" }'),
    ('work = "inbox"\n\n', f'work = "inbox"\n{RESERVE}\n\n'),
)
CLAIM = 'db.execute("update inbox set done = 2 where id = ?", (row[0],))'
CLAIM_FOR_EVER = INBOX.changed("worker.py", ("        try:\n", f"        {CLAIM}\n        try:\n")).changed(
    "retrigger.toml", ("where done = 0", "where done <> 1")
)
"""A claim without a lease: whoever fails or dies with it takes the row along."""
RECOVERY_AT_START = CLAIM_FOR_EVER.changed(
    "worker.py", ("    while True:", '    db.execute("update inbox set done = 0 where done = 2")\n    while True:')
)
"""The same, and abandoned claims are looked for when the worker starts, and at no other time."""
EARLY_ACK = CHAIN.changed("orders.py", ("await answer(send, 503)", "await answer(send, 200)"))

BROKEN = {
    "ack-before-durable": (ACK_BEFORE_DURABLE, "P1b", "RT101", "kill orders @reply orders w1"),
    "key-per-attempt": (KEY_PER_ATTEMPT, "P2", "RT102", "kill worker @applied charge w1"),
    "mark-before-effect": (MARK_BEFORE_EFFECT, "P1b", "RT101", "kill worker @recv charge w1"),
    "in-memory-dedupe": (IN_MEMORY_DEDUPE, "P16", "RT107", "kill orders @quiet"),
    "lost-hand-off": (LOST_HAND_OFF, "P18", "RT213", "kill orders @applied reserve w1"),
    "early-ack": (EARLY_ACK, "P1a", "RT103", "cut request orders->world @recv charge w1"),
}
"""By name: the system, the property it breaks, the code, and the fault that must show it."""

CORRECT = {"inbox": INBOX, "chain": CHAIN}
