// Takes orders: written down first, then 202; a loop charges the partner until it has an answer.
// Node 18 or newer, nothing to install. The inbox is a folder: one file an order, renamed when it is done.

import { createServer } from "node:http";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const { PORT, DATA_DIR, PAYMENTS_URL } = process.env;
const POLL_MS = 20;
const PARTNER_TIMEOUT_MS = 1000;
const [inbox, done] = ["inbox", "done"].map((name) => join(DATA_DIR, name));
[inbox, done].forEach((folder) => mkdirSync(folder, { recursive: true }));

// A file appears whole or not at all: written beside the inbox, synced, then renamed into it.
function accept(order) {
  const name = encodeURIComponent(order.id) + ".json";
  if (existsSync(join(inbox, name)) || existsSync(join(done, name))) return; // he has missed our answer
  const draft = join(DATA_DIR, name);
  const file = openSync(draft, "w");
  writeSync(file, JSON.stringify(order));
  fsyncSync(file);
  closeSync(file);
  renameSync(draft, join(inbox, name));
  syncFolder(inbox);
}

function syncFolder(folder) {
  const handle = openSync(folder, "r");
  fsyncSync(handle);
  closeSync(handle);
}

async function charge(order) {
  const answer = await fetch(PAYMENTS_URL + "/charge", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": order.id },
    body: JSON.stringify(order),
    signal: AbortSignal.timeout(PARTNER_TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`the partner answered ${answer.status}`);
}

// From the start on, so that it finds what an earlier life has left.
async function workForEver() {
  for (;;) {
    for (const name of readdirSync(inbox)) {
      try {
        await charge(JSON.parse(readFileSync(join(inbox, name), "utf8")));
        renameSync(join(inbox, name), join(done, name));
      } catch (error) {
        console.error(String(error)); // still in the inbox; the next round tries again
      }
    }
    await sleep(POLL_MS);
  }
}

createServer((request, response) => {
  if (request.method !== "POST") return response.end();
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    accept(JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(202).end();
  });
}).listen(Number(PORT), "127.0.0.1");

workForEver();
