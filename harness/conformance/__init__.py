"""The suite: which plans a campaign runs, and the pytest tests that run them on xdist workers.

`campaign` is pure: from manifests and options to a list of plans, the same in every worker. `test_plans` runs each of
them as one test; `harness.pytest_plugin` carries options and results; `collect` turns results into a report.
"""
