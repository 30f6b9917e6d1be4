"""Tiny services, written into a folder with a manifest of their own, so that each test can say what is wrong with them.

`INBOX` is callee placement: `orders` writes a row and says 202, `worker` empties the table. `CHAIN` is upstream
placement with nothing but one service: it does its effect and then says 200. Both are correct as they stand. A test
breaks one by replacing a line, so that what is broken can be read beside the test. `POOL` is what many job queues are:
children of `worker` take files away before they do the work, nobody dedupes, and nobody at the edge repeats anything.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from harness.runner.system import System, open_system

__all__ = ["CHAIN", "INBOX", "POOL", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files of a system. name: of the system. files: by name, the manifest is `retrigger.toml`."""

    name: str
    files: dict[str, str] = field(default_factory=dict)

    def changed(self, file: str, *changes: tuple[str, str]) -> Source:
        """The same system with pieces of one file replaced; each piece must stand there exactly once."""
        text = self.files[file]
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
            text = text.replace(old, new)
        return Source(name=self.name, files=self.files | {file: text})

    def write(self, folder: Path) -> Path:
        """Writes the files into a folder, and returns it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text.replace("NAME", self.name))
        return folder

    def open(self, folder: Path) -> System:
        """Writes the files, and reads the manifest."""
        return open_system(self.write(folder))


SHARED = textwrap.dedent("""
    import http.client, json, os, sqlite3, time
    from urllib.parse import urlsplit

    def store(folder):
        db = sqlite3.connect(f"{folder}/inbox.db", isolation_level=None, timeout=5)
        while True:
            try:
                db.execute("pragma journal_mode = wal")
                db.execute("create table if not exists inbox (id text primary key, nonce text, done integer default 0)")
                return db
            except sqlite3.OperationalError:  # the other process does the same just now
                time.sleep(0.005)

    def effect(name, work, nonce, key):
        connection = http.client.HTTPConnection(urlsplit(os.environ["WORLD_URL"]).netloc, timeout=0.2)
        try:
            body = json.dumps({"id": work, "nonce": nonce})
            connection.request("POST", f"/{name}", body, {"Idempotency-Key": key})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(answer.status)
        finally:
            connection.close()

    async def body_of(receive):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        return json.loads(body)

    async def answer(send, status, text=b"{}"):
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})
""")

INBOX = Source(
    name="tiny-inbox",
    files={
        "shared.py": SHARED,
        "orders.py": textwrap.dedent("""
            import os
            from shared import answer, body_of, store

            db = store(os.environ["DATA_DIR"])

            async def app(scope, receive, send):
                if scope["type"] != "http":
                    raise NotImplementedError
                order = await body_of(receive)
                db.execute("insert or ignore into inbox (id, nonce) values (?, ?)", (order["id"], order["nonce"]))
                await answer(send, 202)
        """),
        "worker.py": textwrap.dedent("""
            import http.client, os, time
            from shared import effect, store

            def main():
                db = store(os.environ["DATA_DIR"])
                while True:
                    row = db.execute("select id, nonce from inbox where done = 0 limit 1").fetchone()
                    if row is None:
                        time.sleep(0.01)
                        continue
                    try:
                        effect("charge", row[0], row[1], key=row[0])
                    except (OSError, http.client.HTTPException):
                        time.sleep(0.02)
                        continue
                    db.execute("update inbox set done = 1 where id = ?", (row[0],))
        """),
        "retrigger.toml": textwrap.dedent("""
            spec = 1
            name = "NAME"

            [submit]
            node = "orders"
            request = { method = "POST", path = "/orders", json = { id = "{work}", nonce = "{nonce}" } }
            accepted = [202]
            timeout_s = 0.5
            root = "human"

            [[process]]
            name = "orders"
            app = "orders:app"
            env = { DATA_DIR = "{data}" }

            [[process]]
            name = "worker"
            main = "worker:main"
            env = { DATA_DIR = "{data:orders}", WORLD_URL = "{link:world}" }

            [[node]]
            name = "orders"
            process = "orders"
            route = "POST /orders"
            work_id = "json:/id"
            work = "inbox"

            [[node]]
            name = "payments"
            process = "worker"
            work = "inbox"
            effects = [{ name = "charge", sink = "keyed", at = "POST {link:world}/charge" }]

            [[edge]]
            from = "orders"
            to = "payments"
            awaits = false
            trigger = { placement = "callee", kind = "inbox", max_detect_s = 0.1, backoff_max_s = 0.05 }

            [[pending]]
            edge = "orders -> payments"
            sql = { sqlite = "{data:orders}/inbox.db", query = "select id from inbox where done = 0" }
        """),
    },
)

CHAIN = Source(
    name="tiny-chain",
    files={
        "shared.py": SHARED,
        "orders.py": textwrap.dedent("""
            import asyncio, http.client
            from shared import answer, body_of, effect

            async def app(scope, receive, send):
                if scope["type"] != "http":
                    raise NotImplementedError
                order = await body_of(receive)
                try:
                    await asyncio.to_thread(effect, "charge", order["id"], order["nonce"], key=order["id"])
                except (OSError, http.client.HTTPException):
                    await answer(send, 503)
                    return
                await answer(send, 200)
        """),
        "retrigger.toml": textwrap.dedent("""
            spec = 1
            name = "NAME"

            [submit]
            node = "orders"
            request = { method = "POST", path = "/orders", json = { id = "{work}", nonce = "{nonce}" } }
            accepted = [200]
            rejected = [422]
            timeout_s = 0.5
            root = "human"

            [[process]]
            name = "orders"
            app = "orders:app"
            env = { WORLD_URL = "{link:world}" }

            [[node]]
            name = "orders"
            process = "orders"
            route = "POST /orders"
            work_id = "json:/id"
            effects = [{ name = "charge", sink = "keyed", at = "POST {link:world}/charge" }]
        """),
    },
)

POOL = Source(
    name="tiny-pool",
    files={
        "shared.py": SHARED.replace("timeout=0.2", "timeout=3.0"),
        "orders.py": textwrap.dedent("""
            import os
            from shared import answer, body_of

            async def app(scope, receive, send):
                if scope["type"] != "http":
                    raise NotImplementedError
                order = await body_of(receive)
                path = os.environ["DATA_DIR"] + "/" + order["id"]
                with open(path + ".new", "w") as job:
                    job.write(order["nonce"])
                os.rename(path + ".new", path)
                await answer(send, 202)
        """),
        "worker.py": textwrap.dedent("""
            import http.client, os, time
            from shared import effect

            def work(folder):
                while True:
                    for name in [name for name in os.listdir(folder) if "." not in name]:
                        mine = f"{folder}/{name}.{os.getpid()}"
                        try:
                            os.rename(f"{folder}/{name}", mine)
                        except FileNotFoundError:  # another child has it
                            continue
                        try:
                            effect("charge", name, open(mine).read(), key="")
                        except (OSError, http.client.HTTPException):
                            pass
                    time.sleep(0.01)

            def main():
                for _ in range(2):
                    if os.fork() == 0:
                        work(os.environ["DATA_DIR"])
                while True:
                    os.wait()
                    if os.fork() == 0:
                        work(os.environ["DATA_DIR"])
        """),
        "retrigger.toml": textwrap.dedent("""
            spec = 1
            name = "NAME"

            [submit]
            node = "orders"
            request = { path = "/orders", json = { id = "{work}", nonce = "{nonce}" } }
            accepted = [202]
            timeout_s = 0.5

            [[process]]
            name = "orders"
            app = "orders:app"
            env = { DATA_DIR = "{data}" }

            [[process]]
            name = "worker"
            main = "worker:main"
            forks = true
            env = { DATA_DIR = "{data:orders}", WORLD_URL = "{link:world}" }

            [[node]]
            name = "orders"
            process = "orders"
            route = "POST /orders"
            work_id = "json:/id"

            [[node]]
            name = "payments"
            process = "worker"
            effects = [{ name = "charge", sink = "plain", at = "POST {link:world}/charge" }]

            [[edge]]
            from = "orders"
            to = "payments"
            awaits = false
            trigger = { placement = "caller", kind = "queue", max_detect_s = 0.1 }
        """),
    },
)
