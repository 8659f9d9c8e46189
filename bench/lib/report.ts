// SPDX-License-Identifier: Apache-2.0
// Runs the parts of a benchmark that BENCH_PARTS names, prints their tables, and with WRITE=1, which
// wants all of them, puts them into a file.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";

export type Line = (string | number)[];
// What is measured, what is wanted of it, what came out, and whether that is as wanted.
export type Goal = [what: string, wanted: string, here: number, held: boolean];
export interface Table {
  title: string;
  head: string[];
  lines: Line[];
  goals?: Goal[];
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

// Every goal of these tables, before the tables themselves.
function goalsOf(tables: Table[]): string[] {
  const goals = tables.flatMap((table) => table.goals ?? []);
  if (goals.length === 0) return [];
  const rows = goals.map(([what, wanted, here, held]) => row([what, wanted, here, held ? "yes" : "**no**"]));
  return [[row(["", "goal", "here", "held"]), "|---|---|---:|---|", ...rows, ""].join("\n")];
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
  const tables: Table[] = [];
  for (const [name, part] of Object.entries(parts)) {
    if (!asked.includes(name)) continue;
    const began = performance.now();
    tables.push(await part());
    console.log(text(tables.at(-1)!));
    console.error(`${name} took ${Math.round((performance.now() - began) / 1000)} s`);
  }
  const goals = goalsOf(tables);
  goals.forEach((table) => console.log(table));
  if (write) writeFileSync(file, [...preface, "", ...goals, ...tables.map(text)].join("\n"));
}
