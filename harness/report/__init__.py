"""Reports: consumers of what a run found. Nothing here starts, hurts or judges anything.

`model` is what a run hands over, plain data that goes to JSON and back; `gather` makes it from verdicts and derived
boundaries. `terminal` prints while the run goes on, `json` is for machines, `html` is the page that people share, drawn
by `boundary_map`, `lanes` (from a `timeline`) and `ledger` with the few lines of `svg`. Import the part you need: the
pictures and the terminal each bring a library that a quick command should not have to load.
"""
