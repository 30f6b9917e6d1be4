"""Whether containers can be tried here, and a look at those of one run."""

from __future__ import annotations

import os

import pytest
from docker import APIClient
from docker.errors import DockerException, ImageNotFound

from harness.errors import HarnessError
from harness.targets.engine import engine_socket
from harness.targets.janitor import RUN_LABEL

IMAGE = os.environ.get("RETRIGGER_TEST_IMAGE", "retrigger-services")
"""An image of the reference services; `.ci/engine up` makes it."""


def client() -> APIClient:
    """A connection to the engine of this machine."""
    return APIClient(f"unix://{engine_socket()}", timeout=3)


def _why_not() -> str:
    try:
        client().inspect_image(IMAGE)
    except ImageNotFound:
        return f"no image {IMAGE!r} on this engine: .ci/engine up makes it"
    except (DockerException, HarnessError) as error:
        return f"no container engine answers (.ci/engine up starts one): {error}"
    return ""


WHY_NOT = _why_not()
needs_containers = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def containers_of(run: str) -> list[str]:
    """Ids of the containers that carry a run's label, dead ones included."""
    with client() as engine:
        found = engine.containers(all=True, quiet=True, filters={"label": f"{RUN_LABEL}={run}"})
    return [container["Id"] for container in found]
