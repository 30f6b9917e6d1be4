"""What the three forms of one business process share: the hand-off by events, and the durable log of a saga.

The process: an order reserves stock, the card is charged, the goods are shipped. Where the carrier refuses for good,
the charge is refunded and the reservation cancelled. `events` is for whoever hands work on, `saga` for who holds it.

Source: the post, "Responsibility boundaries vs Business process boundaries".
"""
