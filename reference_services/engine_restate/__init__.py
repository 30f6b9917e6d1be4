"""Engine placement on Restate: Fx calls Fy in another process; the server journals, and calls both over HTTP.

`fx` and `fy` are the functions, `api` takes orders, `s` is a plain service that Fy may call.

Source: the post, fig. 8 and 9
"""
