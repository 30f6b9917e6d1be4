"""Engine placement on DBOS: Fx calls Fy in another process, results cached, the child awaited.

`engine` opens the engine and runs effects as steps, `fx` takes orders and runs the outer workflow, `fy` runs the child.
The engine is a library in both processes and one database that they share; there is no server.

Source: the post, fig. 8 and 9
"""
