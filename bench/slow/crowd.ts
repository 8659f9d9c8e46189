// SPDX-License-Identifier: Apache-2.0
// crowd.ts HOST:PORT KEY N: keeps N slow clients connected until it is killed. Says "ready" when all
// have been let in. A third send a head, a third a body, both a byte every five seconds; a third say
// nothing. Whoever is thrown out comes again.
import { connect, type Socket } from "node:net";

const [address, key, count] = process.argv.slice(2);
const [host, port] = address.split(":");
const PACE_MS = 5000;

const HEAD = "GET /healthz HTTP/1.1\r\nHost: slow\r\nX-Slow: ";
const BODY =
  "POST /sora/v1/chat/completions HTTP/1.1\r\nHost: slow\r\n" +
  `Authorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{`;
const FIRST = [HEAD, BODY, ""];

const sockets = new Map<number, Socket>();
let connected = 0;

function come(n: number): void {
  const socket = connect({ host, port: Number(port) });
  const first = FIRST[n % 3];
  sockets.set(n, socket);
  socket.on("connect", () => {
    if (first) socket.write(first);
    if (++connected === Number(count)) console.log("ready");
  });
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.on("close", () => setTimeout(come, 100, n));
}

// Evenly over the pace, byte by byte: a burst of them would hold up the load on this core.
let turn = 0;
const start = performance.now();
setInterval(() => {
  const due = ((performance.now() - start) / PACE_MS) * Number(count);
  for (; turn < due; turn++) {
    const n = turn % Number(count);
    if (FIRST[n % 3]) sockets.get(n)?.write(" ");
  }
}, 1);

let next = 0;
const opening = setInterval(() => {
  for (let i = 0; i < 100 && next < Number(count); i++) come(next++);
  if (next >= Number(count)) clearInterval(opening);
}, 20);
