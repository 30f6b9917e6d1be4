"""Engine placement on Temporal: Fx calls Fy in another process; both are workflows, and their steps are activities.

`fx` and `fy` are workers, `workflows` the two functions, `engine` what all of them ask of Temporal, `api` takes orders.

Source: the post, fig. 8
"""
