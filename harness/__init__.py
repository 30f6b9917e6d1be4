"""Retrigger: prove that work completes exactly once, inside every responsibility boundary.

Data flows one way through the rooms of this package: manifest -> graph -> derived boundaries -> plans -> case ->
history -> verdicts -> report. Each room's own docstring says what it is for and where to read next; start with
`harness.boundaries` for the model and `harness.runner` for what happens in a case.
"""

__version__ = "0.1.0"
