// SPDX-License-Identifier: Apache-2.0
// Writes the section "Strictness" of docs/edge.md from the tables:
//     scripts/node.sh node tests/edge/docs.ts
import { readFileSync, writeFileSync } from "node:fs";
import { ANSWERS } from "./answers.ts";
import { whyOtherwise } from "./differences.ts";
import { recorded } from "./nginx.ts";
import { REQUESTS } from "./requests.ts";

const FILE = new URL("../../docs/edge.md", import.meta.url);
const BEGIN = "<!-- strictness: written by tests/edge/docs.ts -->";
const END = "<!-- strictness ends -->";

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

export function written(): string {
  const text = readFileSync(FILE, "utf8");
  return text.slice(text.indexOf(BEGIN), text.indexOf(END) + END.length);
}

if (process.argv[1]?.endsWith("/docs.ts")) {
  const text = readFileSync(FILE, "utf8");
  writeFileSync(
    FILE,
    text.replace(written(), () => section()),
  );
}
