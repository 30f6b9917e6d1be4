"""Caller placement: orders hands the payment to a queue and is done; the queue re-drives the consumer until it is.

Three processes and two triggers. The outbox row makes sure that the message is published, the message makes sure that
the payment is made. Read `outbox` and `orders`, then `relay`, then `broker` and `payments`.

Source: the post, fig. 2 and fig. 5.
"""
