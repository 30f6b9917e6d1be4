"""What callee placement is often taken for: say 202, then do the work in the same process. It loses work.

Source: the post, between fig. 4 and fig. 5.
"""
