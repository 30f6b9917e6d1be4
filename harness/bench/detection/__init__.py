"""The detection benchmark: broken twins and correct controls, and what of them the harness catches.

    retrigger bench detection [--only M01,M02] [--explore single,random] [--workers 4] [--out build]

`catalogue` reads what there is to be caught, `hunt` looks for it, `figures` says what it is worth, `page` shows it. The
file that is written, `detection.json`:

    twins         ID -> killed, property (that caught it), plans (until the first witness), seconds, minimal_faults,
                  replayed ("9/10": how often the smallest plan failed again), and besides:
                  expected (the properties that the catalogue names), exploration, witness (the smallest plan),
                  minimal (nothing can be taken away from it), cases: exploration -> {plans, killed}, error
    controls      ID -> runs, false_alarms, inconclusive, error
    cases_per_min of all workers together, set-ups included
    score         killed, of, kill_rate, as_named, median_plans, minimal, replayed_9_of_10, false_alarms, clean_cases
    removal       properties, faults: what is left out -> the twins whose kill is lost

A twin that does not do what its manifest says even without faults is not killed: it was not put to the test.
"""
