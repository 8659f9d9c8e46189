// SPDX-License-Identifier: Apache-2.0
// `kinora doctor --json` on a Kinora's data, beside its server or not.
import type { Kinora } from "./kinora.ts";

export interface Finding {
  kind: string;
  outcome: "told" | "mended" | "failed";
  storage?: string;
  key?: string;
  table?: string;
  id?: number;
  user_id?: number;
  expected?: number;
  found?: number;
}

export interface Report {
  exit: number | null;
  status: "clean" | "findings" | "incomplete";
  findings: Finding[];
  checks: { name: string; state: string; text: string }[];
}

export async function doctor(kinora: Kinora, ...args: string[]): Promise<Report> {
  const { status, stdout, stderr } = await kinora.runBeside(["doctor", "--json", ...args]);
  if (!stdout) throw new Error(`doctor: ${stderr}`);
  return { ...(JSON.parse(stdout) as Omit<Report, "exit">), exit: status };
}

export function kinds(report: Report): string[] {
  return report.findings.map((f) => f.kind).sort();
}
