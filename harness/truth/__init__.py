"""Prediction beside observation: the rows of a pattern's `table.toml`, each run many times and counted.

A table says in numbers what a figure means: for each fault, who is invoked again. `table` reads it, `expected` and
`observed` bring prediction and history to the same form, `rows` runs one row, `session` all of them on several workers,
`page` and `record` write down what came out. Nothing here knows a particular figure.
"""
