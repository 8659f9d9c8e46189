// SPDX-License-Identifier: Apache-2.0
// The steps of a job at which a death is tried: how each is reached from outside, and what must
// follow. docs/internals/jobs.md has the same table in words; kill.test.ts compares the names.
import type { Dialect, World } from "./world.ts";

export interface Outcome {
  status: "completed" | "failed" | "cancelled" | "gone";
  // Submissions that the upstream has received in all.
  submissions: number;
}

export interface Step {
  name: string;
  dialects: Dialect[];
  // Brings a job to the step and the process to its end; answers with the generation's id.
  reach: (w: World, dialect: Dialect, prompt: string) => Promise<number>;
  // The row's state at the moment of death.
  leaves: (dialect: Dialect) => string;
  outcome: Outcome;
}

const BOTH: Dialect[] = ["chat", "videos"];
const COMPLETED: Outcome = { status: "completed", submissions: 1 };
const SENDING = (dialect: Dialect) => (dialect === "chat" ? "streaming" : "submitting");
const route = (dialect: Dialect) => (dialect === "chat" ? "chat" : "videos.create");

async function held(w: World, rule: Record<string, unknown>, prompt: string): Promise<number> {
  await w.demo.fault({ name: "held", hold: true, ...rule });
  const id = await w.person.generate(prompt);
  await w.demo.until((s) => s.open.held > 0);
  return id;
}

async function heldAndKilled(w: World, rule: Record<string, unknown>, prompt: string) {
  const id = await held(w, rule, prompt);
  await w.end();
  await w.demo.release();
  return id;
}

async function killedAt(w: World, prompt: string, ...rules: string[]): Promise<number> {
  w.stopAt(...rules);
  const id = await w.person.generate(prompt);
  await w.died();
  return id;
}

// Waits for a state of the row, then the process is killed from outside.
async function killedIn(w: World, prompt: string, condition: string): Promise<number> {
  const id = await w.person.generate(prompt);
  await w.until(condition, `SELECT id FROM jobs WHERE generation_id = ${id} AND ${condition}`);
  await w.end();
  return id;
}

async function completed(w: World, prompt: string): Promise<number> {
  const id = await w.person.generate(prompt);
  await w.person.ended(id);
  return id;
}

export const steps: Step[] = [
  {
    name: "queued",
    dialects: BOTH,
    // The row is committed, its owner has not heard of it yet.
    reach: async (w, _dialect, prompt) => {
      w.stopAt(...w.afterCommitOf(prompt));
      await w.person.generate(prompt).catch(() => {});
      await w.died();
      return w.rows.one(`SELECT id FROM sora_generations WHERE prompt = '${prompt}'`).id as number;
    },
    leaves: () => "queued",
    outcome: COMPLETED,
  },
  {
    name: "account committed",
    dialects: BOTH,
    reach: (w, _dialect, prompt) => killedAt(w, prompt, `send ${w.upstreamPort} POST kill`),
    leaves: SENDING,
    outcome: { status: "failed", submissions: 0 },
  },
  {
    name: "submission in the air",
    dialects: BOTH,
    reach: (w, dialect, prompt) => heldAndKilled(w, { route: route(dialect), prompt }, prompt),
    leaves: SENDING,
    outcome: { status: "failed", submissions: 1 },
  },
  {
    name: "answer received",
    dialects: BOTH,
    reach: async (w, dialect, prompt) => {
      const last = dialect === "chat" ? "[DONE]" : "video_";
      const id = await held(w, { route: route(dialect), prompt }, prompt);
      w.stopAt(`recv ${w.upstreamPort} ${last} go`, w.anyCommit);
      await w.demo.release();
      await w.died();
      return id;
    },
    leaves: SENDING,
    outcome: { status: "failed", submissions: 1 },
  },
  {
    name: "id committed",
    dialects: ["videos"],
    reach: (w, _dialect, prompt) => killedIn(w, prompt, "state = 'polling'"),
    leaves: () => "polling",
    outcome: COMPLETED,
  },
  {
    name: "polling",
    dialects: ["videos"],
    reach: (w, _dialect, prompt) => heldAndKilled(w, { route: "videos.get" }, prompt),
    leaves: () => "polling",
    outcome: COMPLETED,
  },
  {
    name: "result committed",
    dialects: BOTH,
    reach: (w, _dialect, prompt) =>
      heldAndKilled(w, { route: ["media", "videos.content"] }, prompt),
    leaves: () => "storing",
    outcome: COMPLETED,
  },
  {
    name: "fetching",
    dialects: BOTH,
    reach: async (w, _dialect, prompt) => {
      await w.demo.fault({ route: ["media", "videos.content"], hold_at: 4000 });
      const id = await w.person.generate(prompt);
      await w.until("a file being written",
        `SELECT id FROM objects WHERE generation_id = ${id} AND state = 'writing'`);
      await w.end();
      await w.demo.release();
      return id;
    },
    leaves: () => "storing",
    outcome: COMPLETED,
  },
  {
    name: "file not synced",
    dialects: BOTH,
    reach: (w, _dialect, prompt) => killedAt(w, prompt, "fsync /media/sora/ - kill"),
    leaves: () => "storing",
    outcome: COMPLETED,
  },
  {
    name: "rows not settled",
    dialects: BOTH,
    // The file and its folder are on disk.
    reach: (w, _dialect, prompt) =>
      killedAt(w, prompt, "fsync .mp4 - go", "fsync /media/sora/ - go", w.anyCommit),
    leaves: () => "storing",
    outcome: COMPLETED,
  },
  {
    name: "completed",
    dialects: BOTH,
    reach: (w, _dialect, prompt) => killedIn(w, prompt, "state = 'ended'"),
    leaves: () => "ended",
    outcome: COMPLETED,
  },
  {
    name: "cancelling",
    dialects: BOTH,
    // The cancellation is committed, its owner has not heard of it yet.
    reach: async (w, dialect, prompt) => {
      const id = await held(w, { route: dialect === "chat" ? "chat" : "videos.get" }, prompt);
      w.stopAt("send - HTTP/1.1~2 kill");
      await w.person.call("POST", `/api/v1/sora/generations/${id}/cancel`).catch(() => {});
      await w.died();
      await w.demo.release();
      return id;
    },
    leaves: () => "ended",
    outcome: { status: "cancelled", submissions: 1 },
  },
  {
    name: "deleting",
    dialects: BOTH,
    reach: async (w, _dialect, prompt) => {
      await w.demo.fault({ route: ["media", "videos.content"], hold_at: 4000 });
      const id = await w.person.generate(prompt);
      await w.until("a file being written",
        `SELECT id FROM objects WHERE generation_id = ${id} AND state = 'writing'`);
      w.stopAt("send - HTTP/1.1~2 kill");
      await w.person.call("DELETE", `/api/v1/sora/generations/${id}`).catch(() => {});
      await w.died();
      await w.demo.release();
      return id;
    },
    leaves: () => "ended",
    outcome: { status: "gone", submissions: 1 },
  },
  {
    name: "deletion queued",
    dialects: BOTH,
    // The record has gone, its file has not.
    reach: async (w, _dialect, prompt) => {
      const id = await completed(w, prompt);
      w.stopAt("unlink /media/sora/ - kill");
      await w.person.call("DELETE", `/api/v1/sora/generations/${id}`).catch(() => {});
      await w.died();
      return id;
    },
    leaves: () => "ended",
    outcome: { status: "gone", submissions: 1 },
  },
];
