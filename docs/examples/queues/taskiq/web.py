"""Takes orders by HTTP and hands them to taskiq. Kept as plain as the queue's own tutorial."""

import os

from aiohttp import web

from tasks import broker, charge


async def take(request):
    order = await request.json()
    await charge.kiq(order["id"])
    return web.Response(status=202)


async def healthz(request):
    return web.Response()


async def begin(app):
    await broker.startup()


app = web.Application()
app.on_startup.append(begin)
app.add_routes([web.post("/orders", take), web.get("/healthz", healthz)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
