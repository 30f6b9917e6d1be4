import os

import aiohttp
from arq.connections import RedisSettings

REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def charge(ctx, order):
    """Calls the partner as a tutorial would: no key, no retry."""
    limit = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=limit) as session:
        body = {"id": order, "amount": 5}
        async with session.post(os.environ["PAYMENTS_URL"] + "/charge", json=body) as answer:
            answer.raise_for_status()


class WorkerSettings:
    functions = (charge,)
    redis_settings = REDIS
