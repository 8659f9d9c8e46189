// SPDX-License-Identifier: Apache-2.0
// Runs the parts of bench/storage/run.sh, prints their tables, and with WRITE=1 writes
// docs/bench-storage.md.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { partList, partPresign, partTransfer, partUpload, type Table } from "./parts.ts";
import { Stage } from "./stage.ts";

const number = (name: string, fallback: number) => Number(process.env[name] ?? fallback);
const mib = number("BENCH_MIB", 1024);
const rounds = number("BENCH_ROUNDS", 1);
const ALL = ["presign", "list", "transfer", "upload"];
const parts = process.env.BENCH_PARTS?.split(/[ ,]+/) ?? ALL;
const write = process.env.WRITE === "1";
if (write && ALL.some((part) => !parts.includes(part))) throw new Error("docs/bench-storage.md needs all parts");

const row = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;

function text({ title, head, lines }: Table): string {
  const rule = head.map((_, n) => (n === 0 ? "---" : "---:"));
  return [`## ${title}`, "", row(head), `|${rule.join("|")}|`, ...lines.map(row), ""].join("\n");
}

async function measure(stage: Stage): Promise<string[]> {
  const tables: string[] = [];
  const say = (table: Table) => {
    tables.push(text(table));
    console.log(tables.at(-1));
  };
  if (parts.includes("presign")) say(await partPresign(stage));
  if (parts.includes("transfer")) say(await partTransfer(stage, mib, rounds));
  if (parts.includes("upload")) say(await partUpload(stage, mib, rounds));
  if (parts.includes("list")) say(await partList(stage, number("BENCH_ROWS", 1_000_000), 300));
  return tables;
}

function report(tables: string[]): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  return [
    "# The store's figures",
    "",
    "Written by `make bench-storage WRITE=1`: Kinora, its upstream, a Ceph gateway that keeps its objects in",
    "memory, and whoever does the same beside, all on one machine in one run. Kinora's times contain its",
    "ledger, the digest, what it asks the bucket in the end, and on disk the `fsync` that nginx does without;",
    "a transfer's also the poster's children, which fail at random bytes.",
    "",
    `Commit ${commit}, ${availableParallelism()} cores, ${process.arch}.`,
    "",
    ...tables,
  ].join("\n");
}

const stage = await Stage.open();
try {
  const tables = await measure(stage);
  if (write) writeFileSync("docs/bench-storage.md", report(tables));
} finally {
  await stage.close();
}
