// SPDX-License-Identifier: Apache-2.0
// Debian's slowhttptest, each of its kinds with 2000 connections, while healthy calls go on: every
// one of those is answered. KINORA_FULL=1 only.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { Kinora } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { chatBody, Upstream } from "./wire.ts";

const FULL = process.env.KINORA_FULL === "1";
const SECONDS = 20;
const ALL = ["-c", "2000", "-r", "500", "-l", String(SECONDS), "-p", "3"];

const KINDS: { name: string; path: string; words: string[] }[] = [
  { name: "slow heads (slowloris)", path: "/", words: ["-H", "-i", "1", "-x", "24"] },
  {
    name: "slow bodies",
    path: "/api/v1/auth/login",
    words: ["-B", "-i", "1", "-s", "8192", "-x", "10", "-t", "POST"],
  },
  { name: "many ranges", path: "/", words: ["-R", "-a", "1", "-b", "3000", "-t", "HEAD"] },
  {
    name: "slow reading",
    path: "/",
    words: ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"],
  },
];

// New connections and kept ones, to the server itself and through a direct call.
async function callOn(url: string, key: string, attack: ChildProcess): Promise<number> {
  const body = chatBody("healthy", 0, false).toString();
  let calls = 0;
  while (attack.exitCode === null) {
    const health = await fetch(`${url}/healthz`, { headers: { connection: "close" } });
    assert.equal(health.status, 200);
    await health.arrayBuffer();
    const chat = await fetch(`${url}/sora/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body,
    });
    assert.equal(await chat.text(), '{"healthy":1}');
    calls += 2;
  }
  return calls;
}

describe("[GW-13] slowhttptest", { skip: !FULL }, () => {
  for (const { name, path, words } of KINDS) {
    test(`${name}: every healthy call beside it is answered`, async (t) => {
      const kinora = await Kinora.start();
      t.after(() => kinora.stop());
      const admin = await kinora.admin();
      const key = await admin.key();
      const upstream = await Upstream.start(
        (visit) => void visit.whole.then(() => visit.answer(200, '{"healthy":1}')),
        { keeps: false },
      );
      t.after(() => upstream.stop());
      await addAccount(admin, upstream.port, "healthy");
      const attack = spawn("slowhttptest", [...ALL, ...words, "-u", kinora.url + path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      attack.stdout.on("data", (piece) => (said = (said + piece).slice(-4000)));
      const ended = once(attack, "close");
      const calls = await callOn(kinora.url, key, attack);
      await ended;
      const state = said.replace(/\x1b\[[0-9;]*m/g, "");
      const last = [...state.matchAll(/(initializing|pending|connected|error|closed):\s+(\d+)/g)];
      const counts = last.slice(-5).map(([, what, n]) => `${what} ${n}`);
      console.log(`# ${name}: ${calls} calls beside it; ${counts.join(", ")}`);
      assert.ok(calls > 0);
    });
  }
});
