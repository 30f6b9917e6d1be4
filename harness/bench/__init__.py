"""How fast everything is: figures, no verdicts. Nothing here asserts a time, because machines differ.

    python -m harness.bench [--quick] [--out build/bench.json] [--against OLD.json]

The file that is written, times in the unit that ends the name of the group or of the key; p50 is a median, p90 the
time that nine in ten stay under:

    spec            1, the version of this form
    quick           true where only a few of everything were run: good for a look, too few to compare
    seconds         how long the bench took
    machine         cores, cpu, python, platform, load_1m (before the bench began), retrigger, and
                    toxiproxy: {version, origin, real}
    throughput      PATTERN -> number of workers -> one campaign of core plans, the way `retrigger run` runs it:
                      cases, verdict of them all; or `error` alone, where it could not be run
                      cases_per_min: of the time in which every worker was past its set-up and its first case
                      cases_per_min_with_setup: of all the time, from the command to the last case
                      setup_s: from the command until every worker had its first case behind it
                      speedup: cases_per_min beside that with one worker
    case_ms         PATTERN -> where the time of a case goes, with one worker and in plans with faults:
                      cases, total: {p50, p90, mean}
                      phases: PHASE -> {p50, p90, mean, cases}, over the cases that have this phase
                      cpu: {harness, keeper, services, toxiproxy}, milliseconds of processor a case, mean
    hops_ms         one request on a fresh connection, p50: direct, client (direct, as the harness's own client sends
                    it), proxied (through Toxiproxy), tapped (through Toxiproxy and a tap), world (through Toxiproxy
                    to the world); and what a part adds: proxy_cost, tap_cost
    lives_ms        fork_to_answer and kill of a Python service, p50
    setup_s         once for each run or worker: find_server, workshop (keeper, Toxiproxy and self-test), of which
                    keeper and self_test; then universe (ports, links) and smoke (the fault-free run)
    report_s        html, json: writing the reports of one campaign
    judge           number of events -> {seconds, cpu_s (of processor), events_per_s}

The phases of a case follow each other and add up to its total, but for a millisecond before and between them:

    start     emptying the stores and starting all processes, until each is ready
    submit    from the first submit until its request has arrived, or was answered
    reach     from there to the point where the plan's fault strikes
    kill      from the decision to strike until the fault has landed, with its proof; whichever fault it is
    recover   until the fault is healed, and the work that was struck has been driven again for the last time
    drain     from there to quiet: everything complete, nothing pending, nothing in flight; or to the end of patience
    replay    the past is submitted again, until it is quiet again
    end       killing all processes, and the proof that no fault is left
    judge     every property over the history

`bench.bench` is the function behind it. Nothing is imported here: the workers of a measured campaign load
`harness.bench.repeat`, and must not pay for the rest.
"""
