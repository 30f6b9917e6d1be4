"""Broken twins: the reference services once more, each with one flaw that people make; and correct ones beside them.

`twins.toml` is the catalogue. A twin's system is a pattern whose manifest differs in nothing but the module that runs
in one process, or says what else differs. Its module overrides as little as it can, and begins with `FLAW:`, with the
property that must catch it and the fault that exposes it. The controls have no flaw and look as if they had.

The modules know no harness. `retrigger bench detection` runs them all, and says which were caught.
"""
