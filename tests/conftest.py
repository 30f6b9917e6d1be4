"""For all tests: an interrupt means an interrupt, also where the tests run in the background of a shell.

Such a shell starts its jobs with SIGINT ignored, and that is inherited; tests that send a Ctrl-C would then wait for
nothing. A handler is not inherited, so what the tests start has the default again.
"""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
