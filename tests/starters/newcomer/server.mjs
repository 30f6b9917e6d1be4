// What an outsider may bring: it charges, then answers; the id comes in a header. BROKEN swallows the partner's error.
import http from "node:http";

async function charge(id) {
  const headers = { "Content-Type": "application/json", "X-Work-Id": id, "Idempotency-Key": id };
  const answer = await fetch(process.env.WORLD_URL + "/charge", {
    method: "POST", headers, body: "{}", signal: AbortSignal.timeout(2000),
  });
  if (!answer.ok) throw new Error(`the partner answered ${answer.status}`);
}

http.createServer(async (request, response) => {
  for await (const _ of request);
  try {
    await charge(request.headers["x-order-id"]);
    response.writeHead(200).end();
  } catch (error) {
    response.writeHead("BROKEN" in process.env ? 200 : 502).end();
  }
}).listen(Number(process.env.PORT), "127.0.0.1");
