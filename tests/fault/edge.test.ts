// SPDX-License-Identifier: Apache-2.0
// What the machine refuses the edge, and what dies, or stands still, in the wrong moment.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { ask, Caller, chatBody, within } from "../edge/wire.ts";
import { eventually, freePort, Kinora } from "../lib/kinora.ts";
import { FULL } from "./world.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const folder = mkdtempSync(join(tmpdir(), "kinora-edge-"));
after(() => rmSync(folder, { recursive: true }));

// The rules of tests/fault/shim.c, and the environment of whoever follows them.
function shim(name: string) {
  const file = join(folder, name);
  return {
    env: {
      LD_PRELOAD: join(dirname(BINARY), "kinora-shim.so"),
      KINORA_SHIM: file,
      ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`,
    },
    follow(...lines: string[]) {
      writeFileSync(`${file}.new`, lines.join("\n") + "\n");
      renameSync(`${file}.new`, file);
    },
    async held() {
      await eventually("it is held", async () => existsSync(`${file}.held`));
      rmSync(`${file}.held`);
    },
  };
}

function threads(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    try {
      return readFileSync(`/proc/${pid}/task/${id}/comm`, "utf8");
    } catch {
      return ""; // ended meanwhile
    }
  });
}

const HEALTH = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

// A connection that is there already, with an answer to each of its requests.
async function kept(kinora: Kinora): Promise<() => Promise<void>> {
  const caller = await Caller.connect(kinora.url);
  let asked = 0;
  const askAgain = async () => {
    await caller.send(HEALTH);
    asked++;
    await caller.saw((text) => text.split("HTTP/1.1 200").length > asked);
  };
  await askAgain();
  return askAgain;
}

// Answers every question with "too long, ask by TCP", and is silent there.
async function longAnswers() {
  const tcp = createServer((socket) => void socket.on("error", () => {}).unref()).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const { port } = tcp.address() as { port: number };
  const udp = createSocket("udp4").bind(port, "127.0.0.1");
  await once(udp, "listening");
  udp.on("message", (packet, from) => {
    packet[2] |= 0x86;
    udp.send(packet, from.port, from.address);
  });
  return { port, asked: once(tcp, "connection"), stop: () => (udp.close(), tcp.close()) };
}

test("[GW-5] a name server's socket that a loop cannot watch ends nothing but that question", async () => {
  const names = await longAnswers();
  const rules = shim("names");
  const kinora = await Kinora.start({
    args: ["--loops", "1", "--resolver", `127.0.0.1:${names.port}`],
    env: rules.env,
  });
  const admin = await kinora.admin();
  await admin.ask("POST", "/api/v1/admin/accounts", {
    name: "far", platform: "sora", type: "apikey", dialect: "chat", models: ["far"], group_ids: [1],
    credentials: { base_url: "http://far.example:81", api_key: "k" },
  });
  const key = await admin.key();
  const health = await kept(kinora);
  const connect = `connect :${names.port} - go`;
  rules.follow(connect, connect, "epoll_add - - ENOSPC");
  const caller = await ask({ kinora, key }, chatBody("far"));
  await within("the question by TCP", names.asked);
  await health();
  await health();
  rules.follow("");
  caller.socket.destroy();
  await kinora.stop();
  names.stop();
});

test("a loop whose thread cannot be started ends the start", async () => {
  const rules = shim("threads");
  const data = mkdtempSync(join(folder, "data-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const bind = `bind :${listen.split(":")[1]} - go`;
  rules.follow(bind, bind, "thread - - EAGAIN");
  const { status, stderr } = spawnSync(BINARY, ["serve", "--listen", listen, "--data", data, "--loops", "1"], {
    env: { ...process.env, ...rules.env },
    encoding: "utf8",
    timeout: 60_000, // it serves, with a loop that nobody runs
  });
  assert.equal(status, 2, stderr);
  assert.match(stderr, /no thread to be had for an event loop/);
  assert.doesNotMatch(stderr, /Sanitizer/);
});

test("an old server that died while the newcomer started is signalled no more, nor is who has its number", async () => {
  const rules = shim("dead");
  const kinora = await Kinora.start({ env: rules.env });
  const old = kinora.pid;
  rules.follow(`bind :${new URL(kinora.url).port} - hold`);
  const started = kinora.launch("--replace");
  await rules.held();
  process.kill(old, "SIGKILL");
  await eventually("it is dead", async () => !existsSync(`/proc/${old}`));
  rules.follow("signal - - kill");
  await started;
  await eventually("it took over", async () => kinora.log.includes("took over"));
  assert.equal((await fetch(`${kinora.url}/healthz`)).status, 200);
  await kinora.stop();
});

// The loop is given five seconds to end before the workers are.
test("a loop that stands still while the server stops finds nothing freed when it goes on", { skip: !FULL }, async () => {
  const rules = shim("still");
  const kinora = await Kinora.start({ args: ["--loops", "1", "--drain", "0"], env: rules.env });
  const [first, second] = await Promise.all([Caller.connect(kinora.url), Caller.connect(kinora.url)]);
  for (const caller of [first, second]) {
    await caller.send(HEALTH);
    await caller.saw("200 OK");
  }
  const hold = () => rules.follow(`send :${first.socket.localPort} - hold`);
  hold();
  await first.send(HEALTH);
  await rules.held();
  // Both wait for the same look at the sockets; behind the first of them the loop stands still again.
  await first.send(HEALTH);
  await second.send("GET /api/v1/settings/public HTTP/1.1\r\nHost: x\r\n\r\n");
  hold();
  await rules.held();
  const stopped = kinora.stop();
  await eventually("the workers have ended", async () => !threads(kinora.pid).some((name) => name.startsWith("upload-")));
  rules.follow("");
  await stopped;
});
