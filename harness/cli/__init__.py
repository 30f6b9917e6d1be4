"""The command line. `main` is what `retrigger` runs; each command imports what it needs when it is called."""

from __future__ import annotations

import os
import signal
import sys

from harness.errors import HarnessError

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Runs the command line; every expected error ends in a message and an exit code, never in a traceback.

    Exit codes: 0 holds, 1 violated, 2 usage or contract error, 3 inconclusive or nothing exercised, 4 the harness
    failed, 130 interrupted.
    """
    from harness.cli.app import app

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts its background jobs; we stop when asked
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app(standalone_mode=True)
    except HarnessError as error:
        print(f"retrigger: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("retrigger: interrupted; nothing is left running", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
