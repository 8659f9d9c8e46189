// SPDX-License-Identifier: Apache-2.0
// The thread that talks to psql for psql.ts: one server at a time, started anew when it ended.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { type MessagePort, workerData } from "node:worker_threads";
import type { Answer, Question } from "./psql.ts";

const { port, answered } = workerData as { port: MessagePort; answered: Int32Array };
const END = "-- that was all --";

let child: ChildProcessWithoutNullStreams | undefined;
let server = "";
let said = "";

function say(answer: Answer): void {
  said = "";
  port.postMessage(answer);
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
}

// Errors are printed among the answers, so that they stand before the end.
function start(url: string): ChildProcessWithoutNullStreams {
  server = url;
  const psql = spawn("bash", ["-c", 'exec psql "$1" -qAtX 2>&1', "psql", url]);
  psql.stdout.setEncoding("utf8");
  psql.stdout.on("data", (piece) => {
    said += piece;
    if (!said.endsWith(`${END}\n`)) return;
    const text = said.slice(0, -END.length - 1).trim();
    say(/^(psql:.*)?(ERROR|FATAL):/m.test(text) ? { error: text } : { text });
  });
  psql.stdin.on("error", () => {});
  psql.on("close", () => {
    if (child !== psql) return;
    child = undefined;
    say({ error: said || "it has ended" });
  });
  return psql;
}

port.on("message", ({ server: url, sql }: Question) => {
  if (url !== server || !child) {
    const old = child;
    child = start(url);
    old?.stdin.end();
  }
  child.stdin.write(`${sql};\n\\echo ${END}\n`);
});
