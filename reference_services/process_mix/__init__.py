"""The mix: sales and payment belong together and are orchestrated, shipping goes its own way and is told by an event.

Read `sales`. Payments is the service of the orchestration, shipping that of the choreography: neither can tell.

Source: the post, "Responsibility boundaries vs Business process boundaries".
"""
