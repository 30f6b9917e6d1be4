"""What a system under test declares: the types behind `retrigger.toml`.

One format for the user's services and for the patterns of this project. The types here say what is well-formed key by
key; `harness.manifest.load` reads the file and checks what only the whole can tell (names that lead nowhere, cycles
without a trigger), and turns every complaint into a named error with the line to write.

The text under a field is its description, everywhere: in the JSON Schema that editors show, in `docs/manifest.md` and
in error messages. `examples` is the value that an error proposes where a key is missing; `title` says in plain words
what a pattern stands for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.json_schema import SkipJsonSchema

__all__ = [
    "Edge",
    "Effect",
    "Journal",
    "Manifest",
    "NatsSource",
    "Node",
    "Parked",
    "Pending",
    "Process",
    "Publish",
    "RedisSource",
    "Request",
    "Resource",
    "SqlSource",
    "Submit",
    "Trigger",
    "Workflow",
]

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_.#-]*$",
        max_length=64,
        title="a name: a letter, then letters, digits, _ . # - (at most 64)",
    ),
]
PythonObject = Annotated[
    str, Field(pattern=r"^[\w.]+:\w+$", title='a module and an object in it, "package.module:name"')
]
Ready = Annotated[str, Field(pattern=r"^(/.*|tcp|none)$", title='an HTTP path such as "/healthz", or "tcp", or "none"')]
Command = Annotated[list[str], Field(min_length=1, title="a list of texts: the program and its arguments")]
JsonAddress = Annotated[
    str,
    Field(
        pattern=r"^(GET )?(https?://[^/\s#]+|\{link:[^}\s]*\})(/[^\s#]*)?(#(/\S*)?)?$",
        title='an address that answers JSON, "GET {link:orders}/open", with #/PLACE behind it where the list is inside',
    ),
]
Status = Annotated[int, Field(ge=100, le=599, examples=[202])]


def edge_key(text: object) -> object:
    """Normal form of an edge written as text: `a -> b` and `a->b` are the same edge."""
    return "->".join(part.strip() for part in text.split("->")) if isinstance(text, str) else text


EdgeKey = Annotated[
    str,
    BeforeValidator(edge_key),
    Field(pattern=r"^[^>\s]+\s*->\s*[^>\s]+$", title='an edge in quotes, "from -> to"'),
]


class Table(BaseModel):
    """A table of the manifest: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Request(Table):
    """An HTTP request with placeholders. Every string, also inside `json`, may carry `{work}` and `{nonce}`."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """The HTTP method."""
    path: Annotated[str, Field(pattern=r"^/", title='a path that starts with "/"')] = Field(examples=["/orders"])
    """The path, with its query where it has one."""
    json_: Any = Field(default=None, alias="json", examples=[{"id": "{work}"}])
    """The body, sent as JSON."""
    headers: dict[str, str] = Field(default={}, examples=[{"Idempotency-Key": "{work}"}])
    """Headers to send besides those of HTTP itself."""


class Trigger(Table):
    """A reliable trigger: a durable record plus something that re-drives it.

    The first block says who places it and what it is; the second is its time constants, in seconds; the third declares
    the rules it keeps. A trigger that breaks a rule of the third block is not effective and owns nothing.
    """

    placement: Literal["caller", "callee", "engine", "root"] = Field(examples=["callee"])
    """Who places it: the caller (queue, outbox), the callee (inbox), an engine, or whoever stands before the graph."""
    kind: Literal["queue", "topic", "inbox", "outbox", "timer", "engine", "rpc", "human", "caller"] = Field(
        examples=["inbox"]
    )
    """What the durable record is."""

    detect: Literal["death", "poll", "lease", "visibility", "heartbeat", "patience", "restart"] = "poll"
    """How it is noticed that the work has to be driven again."""
    max_detect_s: NonNegativeFloat = 1.0
    """Longest time from the failure to the moment it is noticed, in seconds. Part of every liveness budget."""
    backoff_max_s: NonNegativeFloat = 0.0
    """Longest pause between two attempts, in seconds. Part of every liveness budget."""
    attempts: PositiveInt | Literal["unlimited"] = "unlimited"
    """How often it drives the work before it gives up."""
    lease_s: PositiveFloat | None = None
    """How long one claim of the work is valid, in seconds, where work is claimed."""
    work_s: NonNegativeFloat = 0.0
    """Longest time one execution of the target takes, in seconds; compared with the lease."""
    dedupe_s: PositiveFloat | Literal["forever"] = "forever"
    """How long the target recognises a repeat, in seconds."""

    durable: bool = True
    """The record survives the crash it is there for."""
    acknowledged: Literal["after_set", "before_set"] = "after_set"
    """Whether the caller gets its acknowledgement after the record is durable, or before."""
    discharged: Literal["after_work", "before_work"] = "after_work"
    """Whether the record is removed after the work is done, or before."""
    redriven: bool = True
    """Something drives the record again by itself."""
    waits: bool = True
    """A human or a caller as root waits for the answer and tries again."""
    key: Literal["stable", "per_attempt"] = "stable"
    """Whether all attempts carry the same key."""
    fenced: bool = True
    """An older claim can no longer act after a newer one began."""


class Submit(Table):
    """How work enters: the harness's client plays whoever stands at the edge."""

    node: Name = Field(examples=["orders"])
    """The node that receives the work first."""
    request: Request | None = Field(
        default=None, examples=[{"method": "POST", "path": "/orders", "json": {"id": "{work}"}}]
    )
    """The request that hands in one piece of work."""
    publish: Publish | None = Field(
        default=None, examples=[{"resource": "broker", "subject": "orders", "json": {"id": "{work}"}}]
    )
    """The message that hands in one piece of work, instead of a request."""
    through: Name | None = Field(default=None, examples=["queue"])
    """The process that takes the request, where it is not the node's own: a queue of yours in front of it."""
    accepted: list[Status] = Field(default=[200, 201, 202], min_length=1)
    """Status codes that mean: from here on it is yours."""
    rejected: list[Status] = []
    """Status codes that mean: it did not and will not happen. Everything in neither list is unknown."""
    timeout_s: PositiveFloat = 2.0
    """How long the client waits for an answer, in seconds; after that the outcome is unknown."""
    root: Literal["none", "human", "caller"] = "none"
    """Who stands behind the client: nobody, a human (waits, patience, same key), a caller (retries until an answer)."""
    patience_s: PositiveFloat | None = None
    """How long a human waits before he tries again, in seconds; `timeout_s` where it is not given."""
    trigger: Trigger | None = Field(default=None, examples=[{"placement": "root", "kind": "queue"}])
    """The trigger on the edge into the graph, where work enters through a queue or an engine."""


class Publish(Table):
    """Work that enters as a message instead of a request; accepted means that the broker has confirmed it.

    Every string, also inside `json`, may carry `{work}` and `{nonce}`.
    """

    resource: Name = Field(examples=["broker"])
    """The broker, by the name of its `[[resource]]`, of kind nats or redis."""
    subject: Annotated[str, Field(min_length=1, title="a name in quotes")] = Field(examples=["orders"])
    """Where it is put: the subject of a JetStream stream, or the key of a Redis list, at its right end."""
    json_: Any = Field(default=None, alias="json", examples=[{"id": "{work}"}])
    """The body of the message, sent as JSON."""
    headers: dict[str, str] = Field(default={}, examples=[{"Nats-Msg-Id": "{work}"}])
    """Headers of a NATS message, besides `X-Work-Id`."""


class Process(Table):
    """What can be killed. Exactly one of `start`, `app`, `main`, `url` says how it comes to life.

    With `container` it does so inside that image, which may also know by itself what to run.
    """

    name: Name = Field(examples=["orders"])
    """Its name in nodes, placeholders, plans and reports."""
    start: Command | None = Field(default=None, examples=[["./orders", "--port", "{port}"]])
    """The command that starts it, run in `cwd`."""
    app: PythonObject | None = Field(default=None, examples=["orders.service:app"])
    """An ASGI application in Python, served by the harness after a fork."""
    main: PythonObject | None = Field(default=None, examples=["orders.worker:main"])
    """A Python function that works until it is killed, called by the harness after a fork."""
    container: str | None = Field(default=None, examples=["acme/orders:2.4"])
    """A container image on this machine's engine to run it in; alone, the image's own command is run."""
    url: str | None = Field(default=None, examples=["http://127.0.0.1:8080"])
    """The address of a process that runs already. It is never killed: network faults only."""
    ready: Ready | None = Field(default=None, examples=["/healthz"])
    """How it is known to be ready: an HTTP path, "tcp" or "none" (no port). Default: "none" for `main`, else "tcp"."""
    ready_s: PositiveFloat = 10.0
    """Longest time from start to ready, in seconds."""
    env: dict[str, str] = Field(default={}, examples=[{"PAYMENTS_URL": "{link:world}"}])
    """Environment variables. Addresses given here through `{link:...}` pass a proxy."""
    cwd: str | None = Field(default=None, examples=["."])
    """Folder to start in, relative to the manifest's folder, which is the default; in a container its own."""
    restart: Literal["always", "never"] = "always"
    """What stands around it in production: a supervisor that starts it again, or nothing."""
    forks: bool = False
    """Whether it works in child processes of its own, as job queues do: then a kill of the child that works, and one of
    the parent alone, are plans besides the kill of the whole tree."""
    copies: PositiveInt = 1
    """How many run at the same time, as workers that fetch their work do. What is sent goes to the first one."""

    @property
    def texts(self) -> list[str]:
        """Everything that may carry placeholders."""
        return [*self.env.values(), *(self.start or [])]


class SqlSource(Table):
    """Rows of a database, read over the harness's own connection: one piece of work a row, in the first column."""

    sqlite: str | None = Field(default=None, examples=["{data:orders}/orders.db"])
    """Path of a SQLite file."""
    postgres: (
        Annotated[
            str, Field(pattern=r"^(postgres(ql)?://|\{link:)", title='an address, "{link:NAME}" or "postgresql://..."')
        ]
        | None
    ) = Field(default=None, examples=["{link:database}"])
    """Address of a PostgreSQL database."""
    query: str = Field(examples=["select work from audit"])
    """A query whose first column is the work id, or contains it."""


class NatsSource(Table):
    """Messages that a JetStream stream holds; the work id is in the header `X-Work-Id` or in the body."""

    resource: Name = Field(examples=["broker"])
    """The broker, by the name of its `[[resource]]`."""
    stream: str = Field(examples=["ORDERS"])
    """Name of the stream."""
    consumer: str | None = Field(default=None, examples=["payments"])
    """Name of a durable consumer: only messages that it has not acknowledged. Without it: all messages."""


class RedisSource(Table):
    """What Redis holds under some keys: items of a list, members of a set, fields of a hash, entries of a stream.

    Of a stream with consumer groups, only entries that a group has not acknowledged.
    """

    resource: Name = Field(examples=["broker"])
    """The server, by the name of its `[[resource]]`."""
    keys: Annotated[list[str], Field(min_length=1, title='a list of keys; "jobs:*" stands for several')] = Field(
        examples=[["jobs", "jobs:running"]]
    )
    """Where to look, in this order. A key that is not there holds nothing."""


class Effect(Table):
    """A change visible outside the handler's frame, counted where the service cannot fake it.

    Exactly one key says where it is counted. `at` is the best: the harness's world sees each attempt, and can stop the
    system before and after it. The others are counted while the system is at rest; each row, message or line is one
    application, and the row is the work id or contains it.
    """

    name: Name = Field(examples=["charge"])
    """Its name in steps, plans and reports, and its endpoint at the world."""
    sink: Literal["transactional", "keyed", "plain"] = "keyed"
    """What the receiving side promises: same transaction as the progress record, dedupe by key, or nothing."""
    at: str | None = Field(default=None, examples=["POST {link:world}/charge"])
    """Where the harness's world receives it: `POST {link:world}/NAME`, with the effect's own name."""
    sql: SqlSource | None = Field(
        default=None, examples=[{"sqlite": "{data:orders}/orders.db", "query": "select work from audit"}]
    )
    """Its audit rows in a database."""
    http: JsonAddress | None = Field(default=None, examples=["GET {link:orders}/charges#/items"])
    """An address of the service, or any other, that answers a JSON list with an item for each application."""
    command: Command | None = Field(default=None, examples=[["./charges", "{data:orders}"]])
    """A command that prints a line for each application: `{"work": ...}` or the bare work id."""
    nats: NatsSource | None = Field(default=None, examples=[{"resource": "broker", "stream": "EVENTS"}])
    """Messages that it has published to a stream."""
    redis: RedisSource | None = Field(default=None, examples=[{"resource": "cache", "keys": ["charges"]}])
    """What it has put into Redis."""
    retention_s: PositiveFloat | Literal["forever"] = "forever"
    """How long a keyed sink remembers a key, in seconds."""
    duplicates: Literal["never", "tolerable"] = "never"
    """Whether a second application does harm."""
    may_reject: bool = False
    """Whether the receiving side may refuse it for good (422: it did not and will not happen); needs `at`."""
    compensates: Name | None = Field(default=None, examples=["charge"])
    """The effect that this one undoes. It is owed only where that one took place and another was refused for good."""


class Node(Table):
    """One handler of one service doing one unit of work."""

    name: Name = Field(examples=["orders"])
    """Its name in edges, plans and reports."""
    process: Name = Field(examples=["orders"])
    """The process it runs in, by its name."""
    route: Annotated[str, Field(pattern=r"^[A-Z]+ /", title='a method and a path, "POST /orders"')] | None = Field(
        default=None, examples=["POST /orders"]
    )
    """How the tap tells its invocations apart. `{work}` or any `{word}` stands for one part of the path. Default for
    the node of [submit]: method and path of its request."""
    work_id: (
        Annotated[
            str,
            Field(
                pattern=r"^(json:/|header:[^\s:]|path:/)",
                title='where the work id stands: "json:/id", "header:X-Work-Id" or "path:/orders/{work}"',
            ),
        ]
        | None
    ) = Field(default=None, examples=["json:/id"])
    """Where a request carries its work id. Default: the header `X-Work-Id`."""
    work: Literal["reexec", "inbox", "log", "none"] = "reexec"
    """What a repeat does: every step again, stop at a complete mark, serve logged steps, or harmless anyway."""
    effects: list[Effect] = Field(default=[], examples=[[{"name": "charge", "at": "POST {link:world}/charge"}]])
    """What it changes outside, in order."""
    steps: list[str] | None = Field(default=None, examples=[["charge", "-> payments"]])
    """Order of its effects (`"charge"`) and edges (`"-> payments"`). Default: effects, then edges, as in the file."""


class Edge(Table):
    """One arrow of the graph: does the caller await completion, and is a trigger set along it?"""

    from_: Name = Field(alias="from", examples=["orders"])
    """The node that calls, publishes or registers."""
    to: Name = Field(examples=["payments"])
    """The node that is reached."""
    awaits: bool = Field(examples=[True])
    """Whether the caller waits until the target has completed."""
    trigger: Trigger | None = Field(default=None, examples=[{"placement": "callee", "kind": "inbox"}])
    """The reliable trigger set along it, where there is one."""
    retries: Annotated[int, Field(ge=0)] = 0
    """How often the caller tries again by itself, inside the same invocation."""
    as_: Name | None = Field(default=None, alias="as", examples=["refund"])
    """Its own name in steps and plans, where two edges lead to the same node."""
    two_way: bool = False
    """An asynchronous request whose answer comes back to a handler of its own (fig 7)."""

    @property
    def key(self) -> str:
        """The edge as text: `from->to`, or `from->as` where two edges lead to one node."""
        return f"{self.from_}->{self.as_ or self.to}"


class EngineSource(Table):
    """Invocations of a function that a Restate or Temporal server has registered and not finished.

    The work id is in the idempotency key (Restate) or in the workflow's id (Temporal).
    """

    resource: Name = Field(examples=["engine"])
    """The engine, by the name of its `[[resource]]`."""
    function: str = Field(pattern=r"^[\w.-]+$", examples=["Fx"])
    """The function: the name of a service (Restate) or of a workflow type (Temporal)."""


class Pending(Table):
    """A reader of undischarged triggers (level L3): exactly one of `sql`, `nats`, `redis`, `engine`, `http`, `command`.

    Each row, message or line is a trigger that is still set; it is the work id or contains it. A store that gives no
    answer is unknown, never empty. Several readers may name one edge: what they read is added up.
    """

    edge: EdgeKey = Field(examples=["orders -> payments"])
    """The edge whose trigger it reads, `from -> to` or `from -> as`; `client -> NODE` for the trigger in `[submit]`."""
    sql: SqlSource | None = Field(
        default=None, examples=[{"sqlite": "{data:orders}/inbox.db", "query": "select id from inbox where done = 0"}]
    )
    """Rows of a table."""
    nats: NatsSource | None = Field(
        default=None, examples=[{"resource": "broker", "stream": "ORDERS", "consumer": "payments"}]
    )
    """Messages of a JetStream stream."""
    redis: RedisSource | None = Field(default=None, examples=[{"resource": "broker", "keys": ["jobs", "jobs:running"]}])
    """What Redis holds under some keys."""
    engine: EngineSource | None = Field(default=None, examples=[{"resource": "engine", "function": "Fx"}])
    """Invocations that an engine has not finished."""
    http: JsonAddress | None = Field(default=None, examples=["GET {link:orders}/open"])
    """An address that answers a JSON list."""
    command: Command | None = Field(default=None, examples=[["./pending", "{data:orders}"]])
    """A command that prints a line for each: `{"work": ...}` or the bare work id."""


class Parked(Table):
    """A reader of parked work (level L3): where a trigger puts what it has given up, a dead-letter queue or table.

    Exactly one of `sql`, `nats`, `redis`, `http`, `command`, read like pending work. Where a parking place is declared,
    runs have the partner fail for good for one piece of work: it has to end there, and all others have to complete.
    """

    edge: EdgeKey = Field(examples=["orders -> payments"])
    """The edge whose trigger parks its work here, `from -> to` or `from -> as`."""
    sql: SqlSource | None = Field(
        default=None, examples=[{"sqlite": "{data:orders}/inbox.db", "query": "select id from inbox where parked = 1"}]
    )
    """Rows of a table."""
    nats: NatsSource | None = Field(
        default=None, examples=[{"resource": "broker", "stream": "ORDERS", "consumer": "payments"}]
    )
    """Messages of a JetStream stream."""
    redis: RedisSource | None = Field(default=None, examples=[{"resource": "broker", "keys": ["jobs", "jobs:running"]}])
    """What Redis holds under some keys."""
    http: JsonAddress | None = Field(default=None, examples=["GET {link:orders}/open"])
    """An address that answers a JSON list."""
    command: Command | None = Field(default=None, examples=[["./parked", "{data:orders}"]])
    """A command that prints a line for each: `{"work": ...}` or the bare work id."""


class Journal(Table):
    """A reader of the step log of a node (level L4): each row is one step whose result is durable.

    Exactly one of `sql`, `nats`, `redis`, `http`, `command`. A row contains the work id, and ends with the name of the
    step, as in "w1 charge". It is read just before each attempt of the node's effects takes place.
    """

    node: Name = Field(examples=["payments"])
    """The node whose log it is; its `work` is "log"."""
    sql: SqlSource | None = Field(
        default=None,
        examples=[{"sqlite": "{data:orders}/inbox.db", "query": "select work || ' ' || step from log"}],
    )
    """Rows of a table."""
    nats: NatsSource | None = Field(
        default=None, examples=[{"resource": "broker", "stream": "ORDERS", "consumer": "payments"}]
    )
    """Messages of a JetStream stream."""
    redis: RedisSource | None = Field(default=None, examples=[{"resource": "broker", "keys": ["jobs", "jobs:running"]}])
    """What Redis holds under some keys."""
    http: JsonAddress | None = Field(default=None, examples=["GET {link:orders}/open"])
    """An address that answers a JSON list."""
    command: Command | None = Field(default=None, examples=[["./journal", "{data:orders}"]])
    """A command that prints a line for each: `{"work": ...}` or the bare work id."""


class Resource(Table):
    """A broker, database or engine that the harness starts for this universe alone, and empties before each case.

    It keeps what it holds over a kill and a restart.
    """

    name: Name = Field(examples=["broker"])
    """Its name in `{link:...}`, plans and reports."""
    kind: Literal["nats", "postgres", "redis", "restate", "temporal", "command"] = Field(examples=["nats"])
    """What it is; `command` is anything else, started by `start`, and emptied by a restart with an empty `{data}`."""
    options: list[str] = Field(default=[], examples=[["-c", "max_connections=50"]])
    """More arguments for the server, where its kind has a command of its own."""
    start: Command | None = Field(default=None, examples=[["./broker", "--port", "{port}", "--state", "{data}"]])
    """The command that starts it, for kind `command`, run in the manifest's folder."""
    ready: Ready | None = Field(default=None, examples=["tcp"])
    """How it is known to be ready, for kind `command`: an HTTP path, "tcp" (the default) or "none"."""
    deployments: list[Name] = Field(default=[], examples=[["fx", "fy"]])
    """Processes that the server calls, for kind `restate`: each is registered under an address of its own, through a
    proxy for this pair, when it is ready."""
    ready_s: PositiveFloat = 10.0
    """Longest time from start to ready, in seconds."""
    env: dict[str, str] = Field(default={}, examples=[{"DATA_DIR": "{data}"}])
    """Environment variables."""


class Workflow(Table):
    """A business process: which handlers belong to it, whoever owns them.

    Boundaries say what is executed again together, workflows what has to be complete together. Derivation compares the
    two, and a run measures how long a workflow stood partially complete.
    """

    name: Name = Field(examples=["fulfilment"])
    """Its name in reports."""
    nodes: Annotated[list[Name], Field(min_length=1)] = Field(examples=[["orders", "payments", "shipping"]])
    """The nodes that take part in it."""


class Manifest(Table):
    """A whole `retrigger.toml`. Relative paths in it start at its folder."""

    spec: Literal[1] = Field(examples=[1])
    """Version of this format."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", title="a name: letters, digits, _ . -")] = (
        Field(examples=["acme-orders"])
    )
    """Name of the system in reports."""
    about: str = ""
    """One sentence for a reader."""
    expect: Literal["holds", "violated"] = "holds"
    """What a broken twin or a naive teaching example says of itself; it never changes a verdict."""
    submit: Submit | None = None
    """How work enters."""
    process: list[Process] = []
    """What can be killed."""
    resource: list[Resource] = []
    """Brokers, databases and engines."""
    node: list[Node] = []
    """The handlers: the nodes of the graph."""
    edge: list[Edge] = []
    """The arrows of the graph."""
    workflow: list[Workflow] = []
    """The business processes that the graph carries."""
    pending: list[Pending] = []
    """Readers of undischarged triggers."""
    parked: list[Parked] = []
    """Readers of work that was given up."""
    journal: list[Journal] = []
    """Readers of step logs."""
    allow_hosts: list[str] = Field(default=[], examples=[["orders.test.internal"]])
    """Hosts outside this machine that a `url` may name. Faults are sent there: list test systems only."""
    path: SkipJsonSchema[Path] = Field(default=Path("retrigger.toml"), exclude=True)
    """Where it was read from; not a key of the file."""


Submit.model_rebuild()
