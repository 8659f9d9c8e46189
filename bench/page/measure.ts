// SPDX-License-Identifier: Apache-2.0
// Runs the parts of bench/page/run.sh, prints their tables, and with WRITE=1 writes docs/bench-page.md.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { partClick, partLighthouse, partScript, partScroll, type Table } from "./parts.ts";
import { Stage } from "./stage.ts";

const number = (name: string, fallback: number) => Number(process.env[name] ?? fallback);
const works = number("BENCH_WORKS", 50_000);
const seconds = number("BENCH_SECONDS", 20);
const rounds = number("BENCH_ROUNDS", 5);
const ALL = ["script", "click", "scroll", "lighthouse"];
const parts = process.env.BENCH_PARTS?.split(/[ ,]+/) ?? ALL;
const write = process.env.WRITE === "1";
if (write && ALL.some((part) => !parts.includes(part))) throw new Error("docs/bench-page.md needs all parts");

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
  const maker = await stage.maker("twenty", 20);
  if (parts.includes("script")) say(await partScript(stage, maker));
  if (parts.includes("lighthouse")) {
    const keeper = await stage.maker("fifty", 50);
    const pages: Parameters<typeof partLighthouse>[1] = [
      ["Sora, 20 cards", "/sora", maker],
      ["library, 50 works", "/sora/library", keeper],
      ["dashboard", "/", stage.admin],
    ];
    say(await partLighthouse(stage, pages, rounds));
  }
  if (parts.includes("click")) say(await partClick(stage, maker, rounds));
  if (parts.includes("scroll")) say(await partScroll(stage, works, seconds));
  return tables;
}

function report(stage: Stage, tables: string[]): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  return [
    "# The page's figures",
    "",
    "Written by `make bench-page WRITE=1`; what is measured, and how, is in [bench/page](../bench/page/run.sh).",
    "",
    `Commit ${commit}, Chromium ${stage.browser.version()}, ${availableParallelism()} cores, ${process.arch}, ` +
      "headless, server and browser on one machine.",
    "",
    ...tables,
  ].join("\n");
}

const stage = await Stage.open();
try {
  const tables = await measure(stage);
  if (write) writeFileSync("docs/bench-page.md", report(stage, tables));
} finally {
  await stage.close();
}
