// SPDX-License-Identifier: Apache-2.0
// A new process takes the port while calls come in: none of them fails. Four times, and a
// hundred with KINORA_FULL=1.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Demo } from "../lib/demo.ts";
import { addAccount } from "../edge/account.ts";
import { ask as begin, Caller, chatBody, Upstream } from "../edge/wire.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { fields, form, png } from "../lib/uploads.ts";
import { FULL } from "./world.ts";

const TIMES = FULL ? 100 : 4;
const MIB = 1 << 20;
const MODEL = "sora2-landscape-10s";

// One call and all of its answer; an error or another status than 200 is told as a sentence.
function call(url: string, key: string, body: object, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/chat/completions`, {
      method: "POST",
      agent: agent ?? false,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    });
    sent.on("error", (error) => reject(new Error(`no answer: ${error.message}`)));
    sent.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece) => (text += piece));
      answer.on("error", (error) => reject(new Error(`cut: ${error.message}`)));
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${answer.statusCode} ${text}`));
      });
    });
    sent.end(JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "x" }], ...body }));
  });
}

// One call of a signed-in person, over a connection of the agent's.
function ask(url: string, token: string, agent: Agent, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, agent, headers: { authorization: `Bearer ${token}` } });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece) => (text += piece));
      answer.on("end", () => resolve(text));
    });
    sent.end();
  });
}

// The folder has gone from one server to the next so often.
const tookOver = (kinora: Kinora, times: number) =>
  eventually("it took over", async () => kinora.log.split("took over").length > times, 90);

// How many descriptors each epoll of the process watches.
function watched(pid: number): Map<string, number> {
  const folder = `/proc/${pid}/fdinfo`;
  const counts = readdirSync(folder).map((fd): [string, number] => {
    try {
      return [fd, readFileSync(`${folder}/${fd}`, "latin1").split("tfd:").length - 1];
    } catch {
      return [fd, 0]; // closed meanwhile
    }
  });
  return new Map(counts);
}

// Callers that go on until they are told to stop.
class Load {
  answered = 0;
  failures: string[] = [];
  private on = true;
  private readonly callers: Promise<void>[] = [];
  private readonly agent = new Agent({ keepAlive: true });

  constructor(url: string, key: string, count: number) {
    for (let i = 0; i < count; i++) {
      // Half of them keep their connections, half make one for each call.
      this.callers.push(this.caller(() => call(url, key, {}, i % 2 ? this.agent : undefined)));
    }
    this.callers.push(this.caller(() => this.stream(url, key)));
  }

  private async stream(url: string, key: string): Promise<void> {
    const text = await call(url, key, { stream: true });
    if (!text.endsWith("data: [DONE]\n\n")) throw new Error(`half a stream: ${text.slice(-200)}`);
  }

  private async caller(one: () => Promise<unknown>): Promise<void> {
    while (this.on) {
      try {
        await one();
        this.answered++;
      } catch (error) {
        this.failures.push((error as Error).message);
      }
    }
  }

  async stop(): Promise<void> {
    this.on = false;
    await Promise.all(this.callers);
    this.agent.destroy();
  }
}

describe("a new process takes the port", () => {
  let demo: Demo;

  before(async () => {
    demo = await Demo.start("--speed", "200", "--plain-media");
  });

  after(async () => {
    await demo.stop();
  });

  async function serve(options: { under?: string[] } = {}): Promise<[Kinora, string]> {
    const kinora = await Kinora.start(options);
    const admin = await kinora.admin();
    await admin.account(demo, "chat", { concurrency: 100 });
    return [kinora, await admin.key()];
  }

  async function underLoad(kinora: Kinora, key: string, again: () => Promise<void>) {
    const load = new Load(kinora.url, key, 8);
    try {
      for (let i = 0; i < TIMES; i++) await again();
    } finally {
      await load.stop();
      await kinora.stop();
    }
    assert.deepEqual(load.failures, []);
    assert.ok(load.answered > TIMES, `${load.answered} calls`);
  }

  test(`with --replace, ${TIMES} times under load, and no call fails`, async () => {
    const [kinora, key] = await serve();
    await underLoad(kinora, key, () => kinora.replace());
  });

  test(`with a socket that its starter holds, ${TIMES} times under load, and no call fails`, async () => {
    const [kinora, key] = await serve({ under: ["python3", "tests/fault/super_server.py"] });
    await underLoad(kinora, key, async () => {
      const starts = kinora.starts;
      process.kill(kinora.pid, "SIGHUP");
      await eventually("it is ready again", async () => kinora.starts > starts);
    });
  });

  // What `begin` starts is held by the upstream until the newcomer has the address.
  async function heldAcross<T>(dialect: string, route: string, begin: (kinora: Kinora, admin: Person) => Promise<T>[]) {
    const kinora = await Kinora.start({ args: ["--drain", "0"] });
    const admin = await kinora.admin();
    await admin.account(demo, dialect);
    await demo.fault({ name: "held", route, hold: true, times: 0 });
    const begun = begin(kinora, admin);
    await eventually("it is held", async () => (await demo.state()).open.held === begun.length);
    const replaced = kinora.replace();
    await tookOver(kinora, 1);
    await sleep(1500); // for the newcomer to do what it should not
    await demo.control("DELETE", "/faults");
    await demo.release();
    try {
      return await Promise.all(begun);
    } finally {
      await replaced;
      await kinora.stop();
    }
  }

  for (const [dialect, route] of [["chat", "chat"], ["videos", "videos.create"]] as const) {
    test(`[ST-3] a job of dialect ${dialect} that is being submitted is not given up`, async () => {
      const [work] = await heldAcross(dialect, route, (_, admin) => [
        admin.generate("across").then((id) => admin.ended(id, 180)),
      ]);
      assert.equal(work!.status, "completed", work!.error_message ?? "");
    });
  }

  test("[GW-8] an answer that follows a job comes to its end", async () => {
    const answers = await heldAcross("videos", "videos.create", (kinora, admin) =>
      [true, false].map((stream) => admin.key().then((key) => call(kinora.url, key, { stream }))),
    );
    assert.match(answers[0]!, /<video[^]*data: \[DONE\]/);
    assert.match(answers[1]!, /media_url/);
  });

  test("what the old server changed while it left is known to the newcomer", async () => {
    const [kinora, key] = await serve();
    const admin = await kinora.signIn("admin@example.org");
    await demo.fault({ route: "chat", hold: true });
    const held = call(kinora.url, key, { stream: true });
    await demo.until((s) => s.open.held > 0);
    // Open before the newcomer comes, so that it leads to the old server.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const tell = (method: string, path: string) => ask(kinora.url, admin.token, agent, method, path);
    const [{ id }] = JSON.parse(await tell("GET", "/api/v1/keys")).data;
    const replaced = kinora.replace();
    await eventually("the newcomer is ready", async () => kinora.starts > 1);
    await tell("DELETE", `/api/v1/keys/${id}`);
    await demo.release();
    await held;
    await replaced;
    agent.destroy();
    await eventually("the key is unknown", async () => {
      const models = await fetch(`${kinora.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
      return models.status === 401;
    }, 5);
    await kinora.stop();
  });

  test("[GW-7] [UP-1] what was begun ends whole two replacements later, and with --drain where SIGTERM asks for it", async () => {
    const upstream = await Upstream.start((visit) => void visit.whole.then(() => visit.begin()));
    const kinora = await Kinora.start({ args: ["--drain", "0"] });
    const admin = await kinora.admin();
    await addAccount(admin, upstream.port, "slow");
    const at = { kinora, key: await admin.key() };
    const stream = await begin(at, chatBody("slow"));
    await stream.saw("first");
    const file = form([...fields("oc-gallery"), { filename: "a.png", body: png(3, 2, 5 * MIB) }], "here");
    const upload = await Caller.connect(kinora.url);
    await upload.send(
      `POST /api/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin.token}\r\nExpect: 100-continue\r\n` +
        `Content-Type: multipart/form-data; boundary=here\r\nContent-Length: ${file.length}\r\n\r\n`,
    );
    await upload.saw("100 Continue");
    // Each MiB of a body has its time, and a replacement takes some of it.
    let sent = 0;
    const sendMore = (bytes = MIB + 100_000) => upload.send(file.subarray(sent, (sent += bytes)));
    await sendMore();

    const oldest = await kinora.takeOver();
    await tookOver(kinora, 1);
    await sendMore();
    const second = await begin(at, chatBody("slow"));
    await second.saw("first");
    const older = await kinora.takeOver();
    await tookOver(kinora, 2);
    await sendMore();
    process.kill(older.pid, "SIGTERM");
    await older.ended;
    await second.over;
    assert.ok(!second.text.includes("0\r\n\r\n"), "it is not whole");

    process.kill(oldest.pid, 0); // it runs
    await upstream.visits[0]!.send("0\r\n\r\n");
    await stream.saw("\r\n0\r\n\r\n");
    await sendMore(file.length);
    await upload.saw("upload_uuid");
    assert.match(upload.text, /HTTP\/1\.1 20[01] /);
    await oldest.ended;
    assert.equal((await admin.ask("GET", "/api/uploads/list")).total, 1);
    upstream.stop();
    await kinora.stop();
  });

  test("the newcomer's loops share the connections when the old server has gone", async () => {
    const kinora = await Kinora.start({ args: ["--loops", "4"] });
    await kinora.replace();
    const { hostname, port } = new URL(kinora.url);
    const sockets = await eventually("more than one loop has connections", async () => {
      const before = watched(kinora.pid);
      const opened = Array.from({ length: 40 }, () => connect(Number(port), hostname));
      await Promise.all(opened.map((socket) => once(socket, "connect")));
      await sleep(200);
      const after = watched(kinora.pid);
      const grown = [...after].filter(([fd, n]) => n > (before.get(fd) ?? 0));
      if (grown.length > 1) return opened;
      opened.forEach((socket) => socket.destroy());
    });
    sockets.forEach((socket) => socket.destroy());
    await kinora.stop();
  });

  test("a newcomer that cannot start leaves the old one in place", async () => {
    const [kinora, key] = await serve();
    const refused = kinora.run(["serve", "--replace", "--listen", "192.0.2.1:80"]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /192\.0\.2\.1:80/);
    await call(kinora.url, key, {});
    await kinora.stop();
  });

  test("without a server to replace, --replace just serves", async () => {
    const kinora = await Kinora.start({ args: ["--replace"] });
    assert.equal((await fetch(`${kinora.url}/healthz`)).status, 200);
    await kinora.stop();
  });
});
