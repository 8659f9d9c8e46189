// SPDX-License-Identifier: Apache-2.0
// Writes the sections of docs/edge.md that are measured or tabled, with build/asan at hand:
//     scripts/node.sh node tests/edge/docs.ts
import { readFileSync, writeFileSync } from "node:fs";
import { ANSWERS } from "./answers.ts";
import { type Class, compareMany } from "./classes.ts";
import { whyOtherwise } from "./differences.ts";
import { recorded } from "./nginx.ts";
import { REQUESTS } from "./requests.ts";

const FILE = new URL("../../docs/edge.md", import.meta.url);
const BEGIN = "<!-- strictness: written by tests/edge/docs.ts -->";
const END = "<!-- strictness ends -->";
const OPINION = "<!-- second opinion: written by tests/edge/docs.ts -->";
const OPINION_END = "<!-- second opinion ends -->";

interface Row {
  group: string;
  name: string;
  rfc: string;
  answer: string;
}

// "200 200 200 keeps" reads better as "3 × 200 keeps".
function shortly(outcome: string): string {
  return outcome.replace(
    /\b(\d{3})( \1){2,}/g,
    (run, status) => `${run.split(" ").length} × ${status}`,
  );
}

function table(rows: Row[], answers: Record<string, string>, version: string): string[] {
  const lines: string[] = [];
  for (const group of new Set(rows.map((row) => row.group))) {
    lines.push("", `**${group}**`, "", `| | RFC | Kinora | nginx ${version} | why nginx differs |`);
    lines.push("|---|---|---|---|---|");
    for (const row of rows.filter((r) => r.group === group)) {
      const nginx = answers[`${group}: ${row.name}`];
      const why = nginx === row.answer ? "" : (whyOtherwise(row) ?? "");
      const cells = [
        row.name,
        row.rfc,
        shortly(row.answer),
        nginx === row.answer ? "same" : shortly(nginx),
        why,
      ];
      lines.push(`| ${cells.join(" | ")} |`);
    }
  }
  return lines;
}

export function section(): string {
  const { version, requests, answers } = recorded();
  const differ = (rows: Row[], of: Record<string, string>) =>
    rows.filter((row) => of[`${row.group}: ${row.name}`] !== row.answer).length;
  return [
    BEGIN,
    "",
    `### ${REQUESTS.length} requests`,
    "",
    `nginx ${version} answers ${differ(REQUESTS, requests)} of them otherwise.`,
    ...table(REQUESTS, requests, version),
    "",
    `### ${ANSWERS.length} answers of an upstream`,
    "",
    `nginx ${version} takes ${differ(ANSWERS, answers)} of them otherwise.`,
    ...table(ANSWERS, answers, version),
    "",
    END,
  ].join("\n");
}

function rowsOf(classes: Class[]): string[] {
  const most = [...classes].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  return most.map(({ name, why, count }) => `| ${name} | ${count} | ${why} |`);
}

function opinion(): string {
  const found = compareMany(100_000);
  if (found.unexplained.length) throw new Error(found.unexplained[0]);
  return [
    OPINION,
    "",
    `Node ${process.versions.node} (llhttp ${process.versions.llhttp}), ${found.connections} connections ` +
      `with ${found.messages} whole messages: ${found.alike} are read alike. In ${found.later} Node refuses a ` +
      "line that has not ended, which we refuse with its end. The rest:",
    "",
    "| what we refuse, or end, and Node reads | connections | why (RFC 9110, 9112) |",
    "|---|---|---|",
    ...rowsOf(found.stricter),
    "",
    "| what we read and Node does not | connections | why |",
    "|---|---|---|",
    ...rowsOf(found.accepted),
    "",
    OPINION_END,
  ].join("\n");
}

function between(text: string, begin: string, end: string): string {
  return text.slice(text.indexOf(begin), text.indexOf(end) + end.length);
}

export function written(): { strictness: string; opinion: string } {
  const text = readFileSync(FILE, "utf8");
  return {
    strictness: between(text, BEGIN, END),
    opinion: between(text, OPINION, OPINION_END),
  };
}

if (process.argv[1]?.endsWith("/docs.ts")) {
  const text = readFileSync(FILE, "utf8");
  const now = written();
  writeFileSync(
    FILE,
    text.replace(now.strictness, () => section()).replace(now.opinion, () => opinion()),
  );
}
