// SPDX-License-Identifier: Apache-2.0
// Runs the parts of a benchmark that BENCH_PARTS names, prints their tables, and with WRITE=1, which
// wants all of them, puts them into a file.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";

export type Line = (string | number)[];
export interface Table {
  title: string;
  head: string[];
  lines: Line[];
}

// In the order in which they run.
export type Parts = Record<string, () => Promise<Table>>;

// A number of the environment.
export const size = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

const row = (cells: Line) => `| ${cells.join(" | ")} |`;

function text({ title, head, lines }: Table): string {
  const rule = head.map((_, n) => (n === 0 ? "---" : "---:"));
  return [`## ${title}`, "", row(head), `|${rule.join("|")}|`, ...lines.map(row), ""].join("\n");
}

// What was measured, and on what.
export function measured(): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  return `Commit ${commit}, ${availableParallelism()} cores, ${process.arch}`;
}

export async function report(file: string, parts: Parts, preface: string[]): Promise<void> {
  const asked = process.env.BENCH_PARTS?.split(/[ ,]+/) ?? Object.keys(parts);
  const write = process.env.WRITE === "1";
  if (write && Object.keys(parts).some((part) => !asked.includes(part))) throw new Error(`${file} needs all parts`);
  const tables: string[] = [];
  for (const [name, part] of Object.entries(parts)) {
    if (!asked.includes(name)) continue;
    tables.push(text(await part()));
    console.log(tables.at(-1));
  }
  if (write) writeFileSync(file, [...preface, "", ...tables].join("\n"));
}
