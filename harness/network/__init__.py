"""The network between the services: Toxiproxy in front of every callee, and a closed vocabulary of faults.

`find_server` says which server there is (the real one wherever it can be had), `Network` runs one for a universe,
`Link.fault` applies a fault and heals it, and `selftest` proves every row of `FAULTS` before a run relies on it.
`client` is the only module that speaks with the server's control API; `standin` is what runs where there is no server.
Imports nothing of the harness but its errors. Start with `faults`.
"""

from harness.network.faults import FAULTS, Executes, Fault, Passed, Sees, fault_named
from harness.network.find import Server, Step, find_server
from harness.network.network import Link, Network, Undo
from harness.network.selftest import Row, selftest

__all__ = [
    "FAULTS",
    "Executes",
    "Fault",
    "Link",
    "Network",
    "Passed",
    "Row",
    "Sees",
    "Server",
    "Step",
    "Undo",
    "fault_named",
    "find_server",
    "selftest",
]
