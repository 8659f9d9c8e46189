// SPDX-License-Identifier: Apache-2.0
// Records what Debian's nginx makes of the same bytes, as a reverse proxy in its own defaults:
//     scripts/node.sh node tests/edge/nginx.ts [--check]
// writes tests/edge/nginx.json; --check compares and writes nothing.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../lib/kinora.ts";
import { ANSWERS } from "./answers.ts";
import { Listener, Player, call, playRequest } from "./play.ts";
import { REQUESTS } from "./requests.ts";
import { type AnswerCase, HOST } from "./table.ts";

const FILE = new URL("nginx.json", import.meta.url);
const PATIENCE_MS = 4000; // it says nothing when it waits for more
const AT_ONCE = 24;

export interface Record {
  version: string;
  requests: { [name: string]: string };
  answers: { [name: string]: string };
}

export function recorded(): Record {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record;
}

function configuration(dir: string, port: number, listener: number, players: Player[]): string {
  const temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const upstream = (name: string, at: number) =>
    `upstream ${name} { server 127.0.0.1:${at} max_fails=0; keepalive 8; }`;
  const pass = (name: string) =>
    `proxy_pass http://${name}; proxy_http_version 1.1; proxy_set_header Connection "";`;
  return `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  ${temps.map((t) => `${t}_temp_path ${dir}/${t};`).join(" ")}
  keepalive_requests 100000;
  proxy_next_upstream off;
  ${upstream("listener", listener)}
  ${players.map((p, i) => upstream(`player_${i}`, p.port)).join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 256m;
    location / { ${pass("listener")} }
    location /api/v1/auth/login { client_max_body_size 1m; ${pass("listener")} }
    ${players.map((_, i) => `location /player/${i} { ${pass(`player_${i}`)} }`).join("\n    ")}
  }
}
`;
}

async function untilOpen(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) =>
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false)),
    );
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("nginx does not listen");
}

async function answerOf(origin: string, i: number, row: AnswerCase, player: Player) {
  const request = `POST /player/${i} HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n{}`;
  const { answer, ended } = await call(origin, request, PATIENCE_MS);
  if (!answer) return ended ? "closes" : "waits";
  await call(origin, request, PATIENCE_MS);
  const other = answer.status < 400 && row.body !== undefined && answer.body !== row.body;
  const end = player.reused ? "kept" : "dropped";
  return `${answer.status} ${answer.whole ? "whole" : "cut"} ${end}${other ? ", other bytes" : ""}`;
}

// A few at a time, in order.
async function each<T>(rows: T[], take: (row: T, i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    for (let i = next++; i < rows.length; i = next++) await take(rows[i], i);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

async function record(origin: string, players: Player[]): Promise<Omit<Record, "version">> {
  const requests: Record["requests"] = {};
  const answers: Record["answers"] = {};
  for (const row of REQUESTS) requests[`${row.group}: ${row.name}`] = "";
  for (const row of ANSWERS) answers[`${row.group}: ${row.name}`] = "";
  await each(REQUESTS, async (row) => {
    const { outcome } = await playRequest(origin, "sk-edge", row, PATIENCE_MS);
    requests[`${row.group}: ${row.name}`] = outcome;
  });
  await each(ANSWERS, async (row, i) => {
    answers[`${row.group}: ${row.name}`] = await answerOf(origin, i, row, players[i]);
  });
  return { requests, answers };
}

function differences(a: Record, b: Record): string[] {
  return (["requests", "answers"] as const).flatMap((side) =>
    Object.keys(a[side])
      .filter((name) => a[side][name] !== b[side][name])
      .map((name) => `${name}: ${b[side][name]} recorded, now ${a[side][name]}`),
  );
}

async function main(): Promise<void> {
  const said = spawnSync("nginx", ["-v"], { encoding: "utf8" });
  const version = /nginx\/(\S+)/.exec(said.stderr ?? "")?.[1];
  if (!version) throw new Error("nginx is not installed");
  const dir = mkdtempSync(join(tmpdir(), "kinora-nginx-"));
  chmodSync(dir, 0o711); // its worker is another user
  const listener = await Listener.start();
  const players = await Promise.all(ANSWERS.map((row) => Player.start(row)));
  const port = await freePort();
  writeFileSync(join(dir, "nginx.conf"), configuration(dir, port, listener.port, players));
  const child: ChildProcess = spawn("nginx", ["-c", join(dir, "nginx.conf")], { stdio: "ignore" });
  try {
    await untilOpen(port);
    const now = { version, ...(await record(`http://127.0.0.1:${port}`, players)) };
    if (process.argv.includes("--check")) {
      const found = now.version === recorded().version ? differences(now, recorded()) : [];
      for (const line of found) console.log(line);
      console.log(`${found.length ? "not ok" : "ok"} - nginx ${version} answers as recorded`);
      process.exitCode = found.length ? 1 : 0;
    } else {
      writeFileSync(FILE, JSON.stringify(now, null, 2) + "\n");
    }
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    for (const player of players) player.stop();
    listener.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

if (import.meta.main ?? process.argv[1]?.endsWith("/nginx.ts")) await main();
