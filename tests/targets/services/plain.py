"""An ASGI application without any library, for tests that only need something that listens."""

import asyncio
import json
import os
import signal


async def app(scope, receive, send):
    """Answers every request with its process id and who it says it is, except that nothing is found at /absent."""
    assert scope["type"] == "http"
    status = 404 if scope["path"] == "/absent" else 200
    about = {"pid": os.getpid(), "identity": os.environ.get("RETRIGGER_IDENTITY")}
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(about).encode()})


def main():
    """Waits for a signal."""
    signal.pause()


async def async_main():
    """Ends by itself, with output."""
    print("it was", "async")
    await asyncio.sleep(0)


def failing_main():
    """Ends with a traceback."""
    raise RuntimeError("no luck")


def forking_main():
    """Forks without exec, as job queues do: a child in the session, and an orphan with a session of its own."""
    if os.fork() == 0:
        signal.pause()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    os.wait()
    print("forked", flush=True)
    with open("/proc/self/comm", "w") as name:  # for whom the output comes too late, as that of a container does
        name.write("forked")
    signal.pause()
