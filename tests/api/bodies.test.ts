// SPDX-License-Identifier: Apache-2.0
// Bodies that never end, from anybody.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Kinora, eventually, type Person } from "../lib/kinora.ts";

const FULL = process.env.KINORA_FULL === "1";
let kinora: Kinora;
let admin: Person;

before(async () => {
  kinora = await Kinora.start();
  admin = await kinora.admin();
});

after(() => kinora.stop());

const MIB = Buffer.alloc(1 << 20, "x");

// The head of a request alone.
async function head(
  target: string,
  type: string,
  length: number,
  answers: string[],
  who?: Person,
): Promise<Socket> {
  const { hostname, port, host } = new URL(kinora.url);
  const socket = connect(Number(port), hostname);
  socket.setMaxListeners(0);
  socket.on("error", () => {});
  socket.on("data", (piece) => answers.push(String(piece)));
  await once(socket, "connect");
  socket.write(
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n` +
      (who ? `Authorization: Bearer ${who.token}\r\n` : "") +
      `Content-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`,
  );
  return socket;
}

// All of a long body but its last bytes, until an answer comes.
async function almost(mib: number, answers: string[], who?: Person): Promise<Socket> {
  const target = "/api/v1/sora/generate";
  const socket = await head(target, "application/json", mib << 20, answers, who);
  for (let i = 0; i < mib - 1 && !socket.bytesRead && !socket.destroyed; i++) {
    if (!socket.write(MIB)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
  return socket;
}

async function crowd(answers: string[], ...people: (Person | undefined)[]): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (const who of people) sockets.push(await almost(28, answers, who));
  return sockets;
}

test("[ST-1] of a long body no more than a piece is taken before its sender is known", async () => {
  const answers: string[] = [];
  const sockets = await crowd(answers, ...Array<undefined>(9));
  await eventually("nobody is told", async () => answers.length === 9);
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 401 /);
  for (const socket of sockets) socket.destroy();
});

test("[ST-1] long bodies are bounded in all and for each, and others are taken meanwhile", async () => {
  const [ann, bob, eve] = await Promise.all(
    ["ann", "bob", "eve"].map((name) => admin.member(`${name}@example.org`)),
  );
  const answers: string[] = [];
  const sockets = await crowd(answers, ann, ann, ann, ann);
  await eventually("the one of hers too many is told", async () => answers.length > 0);
  sockets.push(...(await crowd(answers, bob, bob, bob, eve, eve, eve)));
  assert.equal(answers.length, 1, "there is room for others");
  sockets.push(...(await crowd(answers, admin)));
  await eventually("the one too many in all is told", async () => answers.length > 1);
  assert.equal(answers.length, 2);
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 503 [^]*"overloaded"/);
  await kinora.signIn("ann@example.org");
  for (const socket of sockets) socket.destroy();
  // What they held is free again.
  await eventually("a long body is taken", async () => {
    const answer = await ann.call("POST", "/api/v1/sora/generate", { prompt: "x".repeat(20 << 20) });
    return answer.status === 400;
  });
});

test("[UP-7] the uploads of one user are bounded, and those of others go on", async () => {
  const [dan, fay] = await Promise.all(
    ["dan", "fay"].map((name) => admin.member(`${name}@example.org`)),
  );
  const answers: string[] = [];
  const sockets: Socket[] = [];
  const form = "multipart/form-data; boundary=x";
  const open = async (count: number, who: Person) => {
    for (let i = 0; i < count; i++)
      sockets.push(await head("/api/upload", form, 1 << 20, answers, who));
  };
  await open(234, dan); // two pieces of 256 KiB each; he has 116 MiB
  await eventually("two too many are told", async () => answers.length === 2);
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 503 [^]*"overloaded"/);
  await open(3, fay);
  const body = new FormData();
  body.append("type", "user_upload");
  body.append("sub_type", "reference");
  body.append("file", new Blob(["no picture"]), "a.png");
  const answer = await fetch(`${kinora.url}/api/upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${fay.token}` },
    body,
  });
  assert.equal(answer.status, 415, "hers is read");
  assert.equal(answers.length, 2);
  for (const socket of sockets) socket.destroy();
});

// Files of the data folder that have no name any more, which is what a waiting body is.
function waiting(at: Kinora): number {
  const folder = `/proc/${at.pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      const file = readlinkSync(`${folder}/${fd}`);
      return file.startsWith(at.data) && file.endsWith(" (deleted)");
    } catch {
      return false;
    }
  }).length;
}

test("[GW-13] [GW-10] a body that the disk's share has no room for is 503, and nothing of it stays", async () => {
  const small = await Kinora.start({ args: ["--spool-mib", "2"] });
  try {
    const owner = await small.admin();
    const { url } = small;
    const key = await owner.key();
    const { hostname, port, host } = new URL(url);
    for (const path of ["/v1/videos", "/v1/images/edits"]) {
      const socket = connect(Number(port), hostname);
      let answer = "";
      socket.on("error", () => {});
      socket.on("data", (piece) => (answer += String(piece)));
      await once(socket, "connect");
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${16 << 20}\r\n\r\n`,
      );
      for (let i = 0; i < 15 && !answer; i++) {
        socket.write(MIB);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually(`${path} is answered`, async () => answer.includes("\r\n\r\n{"));
      assert.match(answer, /^HTTP\/1\.1 503 [^]*\r\nRetry-After: [1-9]\d*\r\n[^]*"overloaded"/i);
      socket.destroy();
      await eventually("no file is left", async () => waiting(small) === 0);
    }
    // There is room again, for one that fits on it and not in memory.
    const answer = await fetch(`${url}/v1/videos`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ prompt: "" }).padEnd(3 << 19),
    });
    const { error } = (await answer.json()) as { error: { code: string } };
    assert.deepEqual([answer.status, error.code], [400, "missing_field"]);
    const { data } = await owner.ask("GET", "/api/v1/admin/jobs");
    assert.deepEqual(data, []);
  } finally {
    await small.stop();
  }
});

test("[GW-13] [GW-11] calls that wait for their job hold nothing of their bodies", { skip: !FULL }, async () => {
  const demo = await Demo.start("--speed", "100", "--api-key", "demo-key");
  try {
    await admin.account(demo, "videos");
    const key = await admin.key();
    await demo.fault({ name: "held", route: "images", hold: true, times: 0 });
    const form = { model: "gpt-image", prompt: "long", response_format: "url" };
    const body = Buffer.from(JSON.stringify(form).padEnd(100 << 20));
    const call = async () => {
      const sent = request(`${kinora.url}/v1/images/generations`, {
        method: "POST",
        agent: false,
        headers: {
          authorization: `Bearer ${key}`,
          "content-type": "application/json",
          "content-length": body.length,
          "idempotency-key": "long",
        },
      });
      const status = new Promise<number>((resolve, reject) => {
        sent.on("error", reject);
        sent.on("response", (answer) => resolve(answer.resume().statusCode!));
      });
      sent.end(body);
      await Promise.race([once(sent, "finish"), status]);
      await eventually("it waits", async () => waiting(kinora) === 0);
      return { status };
    };
    // All bodies in memory may have 256 MiB together.
    const answers: Promise<number>[] = [];
    for (let i = 0; i < 4; i++) answers.push((await call()).status);
    assert.equal((await demo.state()).open.held, 1, "they are one job");
    await demo.control("DELETE", "/faults/held");
    await demo.release();
    assert.deepEqual(await Promise.all(answers), [200, 200, 200, 200]);
  } finally {
    await demo.stop();
  }
});
