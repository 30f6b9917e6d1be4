"""Starting, killing, pausing and restarting what is under test, and leaving nothing behind.

One child process per universe, the *keeper*, is the parent of every process of that universe: it forks the Python
services from a memory that holds their libraries already, starts all other commands, sees every death, and removes
everything when the harness ends, in whatever way the harness ends. The rules:

* nothing is called killed, paused or gone before the kernel said so (`waitpid`, state T in /proc);
* what belongs to a process is its whole tree, also what made a session of its own or lost its parent (`tree`);
* every wait is bounded, and being cancelled cleans up.

Linux only, for `/proc`, subreapers and resource limits as marks. `supervised` is what all targets have in common;
`process` and `container` are the two kinds (the latter is not imported here: the client of the engine is slow to load).
Read on in `keeper` and `keeper_main` for the two ends of the keeper, in `service` and `entry` for what happens before
the first line of a service, in `engine` and `janitor` for containers.
"""

from harness.targets.connected import child_connected_to
from harness.targets.errand import Errand, run_errand
from harness.targets.keeper import Keeper, Scope
from harness.targets.messages import Exit, Module, Start
from harness.targets.ports import ReservedPort
from harness.targets.process import ProcessTarget, base_environment
from harness.targets.ready import Readiness
from harness.targets.running import Running
from harness.targets.target import Target

__all__ = [
    "Errand",
    "Exit",
    "Keeper",
    "Module",
    "ProcessTarget",
    "Readiness",
    "ReservedPort",
    "Running",
    "Scope",
    "Start",
    "Target",
    "base_environment",
    "child_connected_to",
    "run_errand",
]
