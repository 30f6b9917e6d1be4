"""Takes orders by HTTP and hands them to arq. Kept as plain as the queue's own tutorial."""

import os

from aiohttp import web
from arq import create_pool

from tasks import REDIS


async def take(request):
    order = await request.json()
    await request.app["queue"].enqueue_job("charge", order["id"])
    return web.Response(status=202)


async def healthz(request):
    return web.Response()


async def begin(app):
    app["queue"] = await create_pool(REDIS)


app = web.Application()
app.on_startup.append(begin)
app.add_routes([web.post("/orders", take), web.get("/healthz", healthz)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
