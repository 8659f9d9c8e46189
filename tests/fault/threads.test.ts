// SPDX-License-Identifier: Apache-2.0
// A server that the system gives too few threads.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Kinora } from "../lib/kinora.ts";
import { FULL, shimmed } from "./world.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const folder = mkdtempSync(join(tmpdir(), "kinora-threads-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("[ST-3] A server that does not get each of its threads says so, ends, and starts with them", async () => {
  const args = ["--loops", "1"];
  const kinora = await Kinora.start({ args });
  const threads = readdirSync(`/proc/${kinora.pid}/task`).length - 1;
  await kinora.stop({ keep: true });

  // The last of them are the loop, the notices, the two keepers of rows and the engine's three;
  // before them come the workers.
  const some = [0, ...[8, 5, 4, 3].map((from) => threads - from)];
  for (const many of FULL ? Array.from({ length: threads }, (_, i) => i) : some) {
    const rules = join(folder, "rules");
    writeFileSync(rules, `${many ? `thread - - go${many}\n` : ""}thread - - EAGAIN\n`);
    const ended = spawnSync(BINARY, ["serve", "--listen", "127.0.0.1:0", "--data", kinora.data, ...args], {
      encoding: "utf8", env: { ...process.env, ...shimmed(rules) }, timeout: 60_000,
    });
    assert.equal(ended.status, 2, `after ${many}: ${ended.signal} ${ended.stdout}${ended.stderr}`);
    assert.match(ended.stderr, /^kinora: there is no thread to be had for [^\n]+$/m);
    assert.doesNotMatch(ended.stdout, /ready/);
  }
  await kinora.launch();
  await kinora.stop();
});
