import os

import aiohttp
from taskiq_redis import ListQueueBroker

broker = ListQueueBroker(os.environ["REDIS_URL"])


@broker.task
async def charge(order: str) -> None:
    """Calls the partner as a tutorial would: no key, no retry."""
    limit = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=limit) as session:
        body = {"id": order, "amount": 5}
        async with session.post(os.environ["PAYMENTS_URL"] + "/charge", json=body) as answer:
            answer.raise_for_status()
