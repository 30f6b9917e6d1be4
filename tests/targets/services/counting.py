"""A FastAPI service whose state lives in its module: each life must start counting anew."""

import os
import random
import sys

import own_part
from fastapi import FastAPI

app = FastAPI()
calls = 0
drawn = random.random()


@app.get("/count")
def count() -> int:
    """How often this life was asked."""
    global calls
    calls += 1
    return calls


@app.get("/about")
def about() -> dict[str, object]:
    """What this life sees of itself."""
    return {
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "pid": os.getpid(),
        "session": os.getsid(0),
        "drawn": drawn,
        "first_path": sys.path[0],
        "harness_modules": [name for name in sys.modules if name.startswith("harness")],
        "own_part_loaded_by": own_part.loaded_by,
    }


@app.get("/files")
def files() -> list[str]:
    """What its open file descriptors are."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:  # the listing's own
            continue
    return found
