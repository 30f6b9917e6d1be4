"""The detection benchmark: broken twins, wrong declarations and correct controls, and what of them the harness catches.

    retrigger bench detection [--only M01,M02] [--explore single,random] [--workers 4] [--out build]

`catalogue` reads what there is to be caught, `hunt` looks for it, `figures` says what it is worth, `page` shows it. The
file that is written, `detection.json`:

    twins         ID -> killed, property (that caught it), plans (until the first witness), seconds, minimal_faults,
                  replayed ("9/10": how often the smallest plan failed again), and besides:
                  expected (the properties that the catalogue names), exploration, witness (the smallest plan),
                  minimal (nothing can be taken away from it), cases: exploration -> {plans, killed}, error
    declarations  as twins: correct services of which the manifest says something that is not so
    controls      ID -> runs, false_alarms, inconclusive, error
    cases_per_min of all workers together, set-ups included
    score         killed, of, kill_rate, as_named, median_plans, replayed_9_of_10, declarations_noticed, declarations,
                  false_alarms, clean_cases
    removal       properties, faults: what is left out -> the twins and declarations whose witness is lost;
                  faults_only: those that no plan without such faults was found to kill either;
                  seen_by: property -> those whose witness breaks it
    canaries      ID -> killed, property, plans, error: known twins that every run carries, whatever it was asked for
    void          a canary survived, so that nothing else in the file says anything

A twin that does not do what its manifest says even without faults is not killed: it was not put to the test.
"""
