// SPDX-License-Identifier: Apache-2.0
// Bodies that never end, from anybody.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { Kinora, eventually } from "../lib/kinora.ts";

let kinora: Kinora;

before(async () => {
  kinora = await Kinora.start();
  await kinora.admin();
});

after(() => kinora.stop());

const MIB = Buffer.alloc(1 << 20, "x");

// All of a long body but its last bytes, until an answer comes.
async function almost(mib: number, answers: string[]): Promise<Socket> {
  const { hostname, port, host } = new URL(kinora.url);
  const socket = connect(Number(port), hostname);
  socket.setMaxListeners(0);
  socket.on("error", () => {});
  socket.on("data", (piece) => answers.push(String(piece)));
  await once(socket, "connect");
  socket.write(
    `POST /api/v1/sora/generate HTTP/1.1\r\nHost: ${host}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${mib << 20}\r\n\r\n`,
  );
  for (let i = 0; i < mib - 1 && !socket.destroyed; i++) {
    if (!socket.write(MIB)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
  return socket;
}

test("[ST-1] long bodies are bounded in all, and short ones are taken meanwhile", async () => {
  const answers: string[] = [];
  const sockets: Socket[] = [];
  for (let i = 0; i < 11; i++) sockets.push(await almost(28, answers));
  await eventually("one too many is told", async () => answers.length > 0);
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 503 [^]*"overloaded"/);
  assert.ok(answers.length < 4);
  await kinora.signIn("admin@example.org");
  for (const socket of sockets) socket.destroy();
  // What they held is free again.
  await eventually("a long body is taken", async () => {
    const answer = await fetch(`${kinora.url}/api/v1/sora/generate`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "x".repeat(20 << 20) }),
    });
    return answer.status === 401;
  });
});
