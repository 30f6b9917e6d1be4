"""One mistake at a time in a manifest without others: which line is named, and which line is offered instead."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.manifest.whole import WHOLE, obeyed, problems_of


class Mistake(NamedTuple):
    """`old` is replaced by `new`; the error names `where` (line and key) and offers `fix`."""

    old: str
    new: str
    where: str
    fix: str


REQUEST = 'request = { method = "POST", path = "/orders", json = { id = "{work}", amount = 5 } }'
TRIGGER = 'trigger = { placement = "callee", kind = "inbox", max_detect_s = 0.5, attempts = "unlimited" }'
SQL = 'sql = { sqlite = "{data:orders}/inbox.db", query = "select id from inbox where done = 0" }'
NO_ROUTE = "# no route: it is reached through the inbox"
NEW_EDGE = '[[edge]]\nfrom = "{}"\nto = "{}"\nawaits = true\n\n[[pending]]'

SHAPE = {
    "number in quotes": Mistake("timeout_s = 2.0", 'timeout_s = "2.5 s"', "9  submit.timeout_s", "timeout_s = 2.5"),
    "time below zero": Mistake("timeout_s = 2.0", "timeout_s = -3.0", "9  submit.timeout_s", "timeout_s = 3.0"),
    "infinite time": Mistake("timeout_s = 2.0", "timeout_s = inf", "9  submit.timeout_s", "timeout_s = 2.0"),
    "text for a choice": Mistake('root = "human"', 'root = "humna"', "10  submit.root", 'root = "human"'),
    "text for true or false": Mistake(
        "awaits = false", 'awaits = "no"', "48  edge[orders->payments].awaits", "awaits = false"
    ),
    "command as one text": Mistake(
        'start = ["./worker"]',
        'start = "./worker --fast"',
        "21  process[worker].start",
        'start = ["./worker", "--fast"]',
    ),
    "number in a command": Mistake(
        '"{port}"]', "8080]", "14  process[orders].start[3]", 'start = ["./orders", "--port", "8080"]'
    ),
    "number in env": Mistake(
        '{ DATA_DIR = "{data}" }', "{ DATA_DIR = 5 }", "16  process[orders].env.DATA_DIR", 'env = { DATA_DIR = "5" }'
    ),
    "name with a space": Mistake('"acme-orders"', '"acme orders"', "2  name", 'name = "acme-orders"'),
    "version of the format": Mistake("spec = 1", "spec = 2", "1  spec", "spec = 1"),
    "true for a number": Mistake("spec = 1", "spec = true", "1  spec", "spec = 1"),
    "no such status": Mistake("accepted = [202]", "accepted = [2020]", "7  submit.accepted[1]", "accepted = [202]"),
    "no status": Mistake("accepted = [202]", "accepted = []", "7  submit.accepted", "accepted = [200, 201, 202]"),
    "one status, no list": Mistake("accepted = [202]", "accepted = 202", "7  submit.accepted", "accepted = [202]"),
    "path without slash": Mistake('"/healthz"', '"healthz"', "15  process[orders].ready", 'ready = "/healthz"'),
    "route without method": Mistake('"POST /orders"', '"/orders"', "31  node[orders].route", 'route = "POST /orders"'),
    "no attempts at all": Mistake(
        'attempts = "unlimited"', "attempts = 0", "49  edge[orders->payments].trigger.attempts", TRIGGER
    ),
    "misspelt key": Mistake("timeout_s = 2.0", "timeout = 2.0", "9  submit.timeout", "timeout_s = 2.0"),
    "misspelt key inside a line": Mistake("kind = ", "knd = ", "49  edge[orders->payments].trigger.knd", TRIGGER),
    "the model's name of a key": Mistake('from = "orders"', 'from_ = "orders"', "46  edge[1].from_", 'from = "orders"'),
    "key of the wrong table": Mistake(
        'root = "human"',
        'root = "human"\nwork_id = "json:/id"',
        "11  submit.work_id",
        "move this line to [[node]]",
    ),
    "key of the file in a table": Mistake(
        'root = "human"',
        'root = "human"\nabout = "orders"',
        "11  submit.about",
        "move this line to the top of the file, above the first table",
    ),
    "key that is nowhere known": Mistake(
        'root = "human"', 'root = "human"\ncolour = "red"', "11  submit.colour", "delete this line"
    ),
    "key that only the reader sets": Mistake("spec = 1", 'spec = 1\npath = "x"', "2  path", "delete this line"),
    "misspelt table": Mistake("[submit]", "[submitt]", "4  submitt", "[submit]"),
    "misspelt list of tables": Mistake("[[edge]]", "[[edges]]", "45  edges", "[[edge]]"),
    "misspelt table next to others": Mistake(
        "[[pending]]", '[[egde]]\nfrom = "payments"\nto = "x"\nawaits = true\n\n[[pending]]', "51  egde", "[[edge]]"
    ),
    "one table for many": Mistake("[[edge]]", "[edge]", "45  edge", "[[edge]]"),
    "many tables for one": Mistake("[submit]", "[[submit]]", "4  submit", "[submit]"),
    "missing version": Mistake("spec = 1\n", "", "1  spec", "spec = 1"),
    "node without process": Mistake('process = "worker"\n', "", "34  node[payments].process", 'process = "orders"'),
    "edge without end": Mistake('to = "payments"\n', "", "45  edge[1].to", 'to = "orders"'),
    "edge that does not say awaits": Mistake(
        "awaits = false\n", "", "45  edge[orders->payments].awaits", "awaits = true"
    ),
    "trigger without kind": Mistake(
        ', kind = "inbox"',
        "",
        "49  edge[orders->payments].trigger.kind",
        'trigger = { placement = "callee", max_detect_s = 0.5, attempts = "unlimited", kind = "inbox" }',
    ),
}

GRAPH = {
    "edge to nowhere": Mistake('to = "payments"', 'to = "paymnts"', "47  edge[orders->paymnts].to", 'to = "payments"'),
    "edge to something unheard of": Mistake(
        'to = "payments"',
        'to = "warehouse"',
        "47  edge[orders->warehouse].to",
        'to = "payments"  # or declare it: [[node]] name = "warehouse", process = "orders"',
    ),
    "edge from nowhere": Mistake(
        'from = "orders"', 'from = "order"', "46  edge[order->payments].from", 'from = "orders"'
    ),
    "node in no process": Mistake(
        'process = "worker"', 'process = "wrker"', "36  node[payments].process", 'process = "worker"'
    ),
    "submit through nobody": Mistake(
        'root = "human"', 'root = "human"\nthrough = "worke"', "11  submit.through", 'through = "worker"'
    ),
    "submit to nowhere": Mistake('node = "orders"', 'node = "Orders"', "5  submit.node", 'node = "orders"'),
    "two nodes of one name": Mistake(
        "[[edge]]",
        '[[node]]\nname = "payments"\nprocess = "worker"\n\n[[edge]]',
        "46  node[payments].name",
        'name = "payments-2"',
    ),
    "two processes of one name": Mistake(
        "[[node]]\n",
        '[[process]]\nname = "worker"\nurl = "http://127.0.0.1:1"\n\n[[node]]\n',
        "29  process[worker].name",
        'name = "worker-2"',
    ),
    "two edges of one name": Mistake(
        "[[pending]]", NEW_EDGE.format("orders", "payments"), "51  edge[orders->payments]", 'as = "payments-2"'
    ),
    "two effects of one name": Mistake(
        "[[edge]]",
        '[[node.effects]]\nname = "charge"\nsql = { sqlite = "a.db", query = "select 1" }\n\n[[edge]]',
        "46  node[payments].effects[charge].name",
        'name = "charge-2"',
    ),
    "process that takes the world's name": Mistake(
        "[[node]]\n",
        '[[process]]\nname = "world"\nmain = "a:b"\n\n[[node]]\n',
        "29  process[world].name",
        'name = "world-process"',
    ),
    "cycle without a trigger": Mistake(
        TRIGGER,
        NEW_EDGE.format("payments", "orders").removesuffix("\n\n[[pending]]"),
        "49  edge[payments->orders].trigger",
        'trigger = { placement = "callee", kind = "inbox" }',
    ),
    "cycle of one node": Mistake(
        "[[pending]]",
        NEW_EDGE.format("payments", "payments"),
        "51  edge[payments->payments].trigger",
        'trigger = { placement = "callee", kind = "inbox" }',
    ),
    "two-way edge that awaits": Mistake(
        "awaits = false", "awaits = true\ntwo_way = true", "48  edge[orders->payments].awaits", "awaits = false"
    ),
    "step that is none": Mistake(NO_ROUTE, 'steps = ["chrge"]', "38  node[payments].steps[1]", 'steps = ["charge"]'),
    "step along another's edge": Mistake(
        NO_ROUTE, 'steps = ["charge", "-> payments"]', "38  node[payments].steps[2]", 'steps = ["charge"]'
    ),
    "pending work of no edge": Mistake(
        '"orders -> payments"', '"orders -> payment"', "52  pending[1].edge", 'edge = "orders -> payments"'
    ),
    "server that is not declared": Mistake(
        'at = "POST {link:world}/charge"',
        'redis = { resource = "cache", keys = ["charged"] }',
        "43  node[payments].effects[charge].redis.resource",
        '[[resource]]\nname = "cache"\nkind = "redis"',
    ),
    "broker that is not declared": Mistake(
        SQL,
        'nats = { resource = "broker", stream = "ORDERS", consumer = "payments" }',
        "53  pending[1].nats.resource",
        '[[resource]]\nname = "broker"\nkind = "nats"',
    ),
}

RUN = {
    "no way to start": Mistake(
        'start = ["./worker"]\n', "", "19  process[worker]", 'start = ["./worker", "--port", "{port}"]'
    ),
    "two ways to start": Mistake(
        'start = ["./worker"]', 'start = ["./worker"]\nmain = "a:b"', "22  process[worker].main", "delete this line"
    ),
    "port told to nobody": Mistake(
        ', "--port", "{port}"', "", "12  process[orders]", 'env = { DATA_DIR = "{data}", PORT = "{port}" }'
    ),
    "no request": Mistake(
        REQUEST + "\n", "", "4  submit", 'request = { method = "POST", path = "/orders", json = { id = "{work}" } }'
    ),
    "work id missing": Mistake(
        'json = { id = "{work}", amount = 5 }', "json = { amount = 5 }", "6  submit.request", REQUEST
    ),
    "work id missing, no body": Mistake(
        ', json = { id = "{work}", amount = 5 }',
        "",
        "6  submit.request",
        'request = { method = "POST", path = "/orders", json = { id = "{work}" } }',
    ),
    "date in JSON": Mistake(
        "amount = 5", "amount = 2020-02-20", "6  submit.request.json.amount", REQUEST.replace("= 5", '= "2020-02-20"')
    ),
    "code with two meanings": Mistake("[400, 409]", "[400, 202]", "8  submit.rejected", "rejected = [400]"),
    "route that the request does not take": Mistake(
        '"POST /orders"', '"POST /order"', "31  node[orders].route", 'route = "POST /orders"'
    ),
    "step left out": Mistake(NO_ROUTE, "steps = []", "38  node[payments].steps", 'steps = ["charge"]'),
    "effect nobody counts": Mistake(
        'at = "POST {link:world}/charge"\n', "", "40  node[payments].effects[charge]", 'at = "POST {link:world}/charge"'
    ),
    "effect at another's endpoint": Mistake(
        '{link:world}/charge"',
        '{link:world}/charges"',
        "43  node[payments].effects[charge].at",
        'at = "POST {link:world}/charge"',
    ),
    "effect of two nodes": Mistake(
        'work_id = "json:/id"',
        'work_id = "json:/id"\neffects = [{ name = "charge", sql = { sqlite = "a.db", query = "select 1" } }]',
        "42  node[payments].effects[charge].name",
        'name = "payments-charge"',
    ),
    "world out of reach": Mistake(
        'PAYMENTS_URL = "{link:world}"\n', "", "24  process[worker].env", 'WORLD_URL = "{link:world}"'
    ),
    "link to nowhere": Mistake(
        '"{link:world}"\n', '"{link:wrld}"\n', "25  process[worker].env.PAYMENTS_URL", 'PAYMENTS_URL = "{link:world}"'
    ),
    "link without target": Mistake(
        '"{link:world}"\n', '"{link}"\n', "25  process[worker].env.PAYMENTS_URL", 'PAYMENTS_URL = "{link:world}"'
    ),
    "folder of nobody": Mistake(
        'DATA_DIR = "{data:orders}"',
        'DATA_DIR = "{data:order}"',
        "26  process[worker].env.DATA_DIR",
        'DATA_DIR = "{data:orders}"  # the folder of the other process',
    ),
    "placeholder nearly right": Mistake(
        '"{port}"', '"{prot}"', "14  process[orders].start[3]", 'start = ["./orders", "--port", "{port}"]'
    ),
    "placeholder in the wrong place": Mistake(
        'sqlite = "{data:orders}', 'sqlite = "{data}', "53  pending[1].sql.sqlite", SQL
    ),
    "no database": Mistake(
        'sqlite = "{data:orders}/inbox.db", ',
        "",
        "53  pending[1].sql",
        'sql = { query = "select id from inbox where done = 0", sqlite = "{data:orders}/orders.db" }',
    ),
    "trigger that contradicts itself": Mistake(
        'placement = "callee"', 'placement = "caller"', "49  edge[orders->payments].trigger.placement", TRIGGER
    ),
    "human inside the graph": Mistake(
        'kind = "inbox"', 'kind = "human"', "49  edge[orders->payments].trigger.kind", 'root = "human"   in [submit]'
    ),
    "address of another machine": Mistake(
        'start = ["./worker"]',
        'url = "http://orders.example"',
        "21  process[worker].url",
        'allow_hosts = ["orders.example"]',
    ),
    "address that is none": Mistake(
        'start = ["./worker"]', 'url = "localhost:80"', "21  process[worker].url", 'url = "http://127.0.0.1:8080"'
    ),
    "address with a path": Mistake(
        'start = ["./worker"]',
        'url = "http://127.0.0.1:8080/api"',
        "21  process[worker].url",
        'url = "http://127.0.0.1:8080"',
    ),
    "effect in two places": Mistake(
        'at = "POST {link:world}/charge"',
        'at = "POST {link:world}/charge"\nhttp = "GET {link:orders}/charges"',
        "44  node[payments].effects[charge].http",
        "delete one of them",
    ),
    "address of no process": Mistake(
        SQL, 'http = "GET {link:world}/open"', "53  pending[1].http", 'http = "GET {link:orders}/open"'
    ),
    "address elsewhere": Mistake(
        SQL, 'http = "http://orders.example/open"', "53  pending[1].http", 'allow_hosts = ["orders.example"]'
    ),
    "database elsewhere": Mistake(
        'sqlite = "{data:orders}/inbox.db"',
        'postgres = "postgresql://me@db.example/app"',
        "53  pending[1].sql.postgres",
        'allow_hosts = ["db.example"]',
    ),
    "command resource that learns no port": Mistake(
        "[[node]]\n",
        '[[resource]]\nname = "cache"\nkind = "command"\nstart = ["./cache"]\n\n[[node]]\n',
        "28  resource[cache]",
        'env = { PORT = "{port}" }',
    ),
    "server with a command of its own": Mistake(
        "[[node]]\n",
        '[[resource]]\nname = "cache"\nkind = "redis"\nstart = ["redis-server"]\n\n[[node]]\n',
        "31  resource[cache].start",
        "delete this line",
    ),
    "queue of another kind": Mistake(
        SQL,
        'nats = { resource = "cache", stream = "ORDERS" }\n\n[[resource]]\nname = "cache"\nkind = "redis"\n\n'
        '[[resource]]\nname = "broker"\nkind = "nats"',
        "53  pending[1].nats.resource",
        'nats = { resource = "broker", stream = "ORDERS" }',
    ),
    "query of a broker": Mistake(
        SQL,
        'sql = { postgres = "{link:broker}", query = "select id from inbox" }\n\n'
        '[[resource]]\nname = "broker"\nkind = "nats"\n\n[[resource]]\nname = "db"\nkind = "postgres"',
        "53  pending[1].sql.postgres",
        'sql = { postgres = "{link:db}", query = "select id from inbox" }',
    ),
    "command resource without a command": Mistake(
        "[[node]]\n",
        '[[resource]]\nname = "cache"\nkind = "command"\n\n[[node]]\n',
        "28  resource[cache]",
        'start = ["./cache", "--port", "{port}"]',
    ),
}

NO_LINE = {"effect in two places", "human inside the graph", "key of the wrong table", "key of the file in a table"}
"""Their fix is an instruction, not a line."""

EVERY = SHAPE | GRAPH | RUN


@pytest.mark.parametrize("name", EVERY)
def test_mistake_names_its_line_and_the_line_to_write(name: str, tmp_path: Path) -> None:
    """One mistake is one problem, at its exact line and key, with the exact line to write, in plain words."""
    mistake = EVERY[name]
    assert mistake.old in WHOLE
    [problem] = problems_of(WHOLE.replace(mistake.old, mistake.new, 1), tmp_path)
    assert problem.where == f"{tmp_path}/retrigger.toml:{mistake.where}"
    assert problem.fix == mistake.fix
    assert problem.what
    assert problem.expected
    assert problem.got
    assert "Input should" not in str(problem)


@pytest.mark.parametrize("name", sorted(EVERY.keys() - NO_LINE))
def test_the_line_to_write_mends_the_mistake(name: str, tmp_path: Path) -> None:
    """Whoever writes the offered line where the error says is rid of that problem."""
    broken = WHOLE.replace(EVERY[name].old, EVERY[name].new, 1)
    [problem] = problems_of(broken, tmp_path)
    left = [problems_of(text, tmp_path) for text in obeyed(broken, problem)]
    assert any(all(other.what != problem.what and "not TOML" not in other.what for other in after) for after in left)


@pytest.mark.parametrize("name", GRAPH)
def test_mistake_of_the_graph_is_refused_also_where_only_boundaries_are_asked_for(name: str, tmp_path: Path) -> None:
    """Names that lead nowhere and cycles are never let through."""
    mistake = GRAPH[name]
    assert problems_of(WHOLE.replace(mistake.old, mistake.new, 1), tmp_path, "boundaries")


@pytest.mark.parametrize("name", RUN)
def test_what_only_a_run_needs_is_let_through_where_boundaries_are_asked_for(name: str, tmp_path: Path) -> None:
    """A graph can be thought about before there is a service."""
    mistake = RUN[name]
    assert not problems_of(WHOLE.replace(mistake.old, mistake.new, 1), tmp_path, "boundaries")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    """Nobody has to run the command once per mistake."""
    text = WHOLE
    for name in ("misspelt key", "node without process", "text for true or false", "number in env"):
        text = text.replace(SHAPE[name].old, SHAPE[name].new, 1)
    assert [problem.where.split(":")[-1] for problem in problems_of(text, tmp_path)] == [
        "9  submit.timeout",
        "16  process[orders].env.DATA_DIR",
        "34  node[payments].process",
        "47  edge[orders->payments].awaits",
    ]
    text = WHOLE
    for name in ("edge to nowhere", "port told to nobody", "route that the request does not take"):
        text = text.replace(EVERY[name].old, EVERY[name].new, 1)
    assert [problem.where.split(":")[-1] for problem in problems_of(text, tmp_path)] == [
        "12  process[orders]",
        "31  node[orders].route",
        "47  edge[orders->paymnts].to",
    ]


def test_cycle_is_named_from_node_to_node(tmp_path: Path) -> None:
    """The error says which way round the cycle goes, and every cycle is named."""
    nodes = "".join(f'[[node]]\nname = "{name}"\nprocess = "p"\n' for name in "abcde")
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "e"), ("e", "d")]
    edges = "".join(f'[[edge]]\nfrom = "{start}"\nto = "{end}"\nawaits = true\n' for start, end in pairs)
    problems = problems_of(f'spec = 1\nname = "round"\n{nodes}{edges}', tmp_path, "boundaries")
    assert [problem.what for problem in problems] == [
        "a cycle without a trigger: a -> b -> c -> a",
        "a cycle without a trigger: d -> e -> d",
    ]


def test_trigger_that_owns_nothing_cuts_no_cycle(tmp_path: Path) -> None:
    """A trigger that breaks its own rules does not end the calls; the rule it breaks is offered."""
    flawed = '[[edge]]\nfrom = "payments"\nto = "payments"\nawaits = false\n[edge.trigger]\nplacement = "callee"\n'
    flawed += 'kind = "inbox"\ndurable = false\n\n[[pending]]'
    [problem] = problems_of(WHOLE.replace("[[pending]]", flawed), tmp_path)
    assert problem.what == "a cycle without an effective trigger: payments -> payments"
    assert problem.fix == "durable = true"
