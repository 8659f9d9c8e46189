// SPDX-License-Identifier: Apache-2.0
// The steps of storing, deleting and saving at which a death is tried when the store is a bucket:
// how each is reached from outside, and what must follow. kill.test.ts plays them and writes the
// table of docs/faults.md.
import type { Engine, World } from "../fault/world.ts";
import { eventually, type Generation } from "../lib/kinora.ts";
import type { Bucket, Fault, Way } from "../lib/s3.ts";
import type { Source } from "../lib/source.ts";

export interface Bench {
  w: World;
  way: Way;
  bucket: Bucket;
  source: Source;
}

export interface Step {
  // Unique; a word of it is part of the prompt.
  name: string;
  stopped: string; // in words, for the table
  kind: "store" | "delete" | "save";
  on: "nothing" | "work" | "link"; // what there is before
  // Of the work: above a part it goes up in two.
  size: number;
  // Wishes for the file's source beside its size.
  wishes?: string;
  // Brings the process to its end; g: the work, or what is a link only.
  reach: (b: Bench, prompt: string, g: Generation) => Promise<unknown>;
  // The state of its object's row at the moment of death; none: there is no row.
  leaves: "writing" | "stored" | "none" | "unsynced"; // unsynced: stored, unless power goes too
  only?: Engine;
  // What is seen of the work after the restart, before anybody asks again.
  then: "s3" | "upstream" | "gone";
}

const SMALL = 100_000;
const LARGE = 8_900_000;

// ---- how a step is reached

type Act = (b: Bench, prompt: string, g: Generation) => Promise<unknown>;

const make: Act = (b, prompt) => b.w.person.generate(prompt);
const remove: Act = (b, _prompt, g) => b.w.person.call("DELETE", `/api/v1/sora/generations/${g.id}`);
export const save: Act = (b, _prompt, g) =>
  b.w.person.call("POST", `/api/v1/sora/generations/${g.id}/save`);

// Nothing is answered to this request; `asked`: though it is done.
const stalled = (act: Act, on: string, asked = false) => async (b: Bench, prompt: string, g: Generation) => {
  b.way.break({ on, asked, stall: true });
  const done = act(b, prompt, g).catch(() => {});
  await eventually(`a ${on} under way`, async () => b.way.hanging > 0, 90);
  await b.w.end();
  b.way.mend();
  await done;
};

// The answer to this request has been read; then a write is the last: the rules say which.
const MARK = "x-of-this-step";
const after = (act: Act, on: string, rules: (b: Bench, prompt: string) => string[]) =>
  async (b: Bench, prompt: string, g: Generation) => {
    const change: Fault["change"] = (answer) => {
      answer.headers[MARK] = "1";
      b.w.stopAt(`recv :${new URL(b.way.url).port} ${MARK} go`, ...rules(b, prompt));
    };
    b.way.break({ on, change });
    const done = act(b, prompt, g).catch(() => {});
    await b.w.died();
    b.way.mend();
    await done;
  };

const anyWrite = (b: Bench) => [b.w.anyCommit];
// Only the transaction that settles the object writes its checksum.
const settling = (b: Bench, prompt: string) => {
  const sum = b.source.sha256(prompt);
  return [b.w.engine === "sqlite" ? `pwrite -wal ${sum} kill` : `send ${b.w.postgresPort} ${sum} kill`];
};
const syncing = (b: Bench, prompt: string) =>
  [`pwrite -wal ${b.source.sha256(prompt)} go`, "fsync -wal - kill"];

// The answer of this process is about to be sent, everything is committed.
const unanswered = (act: Act) => async (b: Bench, prompt: string, g: Generation) => {
  b.w.stopAt("send - HTTP/1.1~2 kill");
  await act(b, prompt, g).catch(() => {});
  await b.w.died();
};

// With the first part in its row the source gives no more.
const HOLD = "hold=8600000";
const heldBehindPart = (act: Act) => async (b: Bench, prompt: string, g: Generation) => {
  const done = act(b, prompt, g).catch(() => {});
  await b.w.until("a part's row", "SELECT number FROM object_parts");
  await b.w.end();
  b.source.release();
  await done;
};

// The work is deleted while it goes up, and what follows stops at this request.
const removedHalfway = (on: string, asked = false) => async (b: Bench, prompt: string) => {
  const id = await b.w.person.generate(prompt);
  await b.w.until("a part's row", "SELECT number FROM object_parts");
  await stalled(remove, on, asked)(b, prompt, { id } as Generation);
  b.source.release();
};

// ---- the steps

const store = (name: string, stopped: string, size: number, reach: Step["reach"], wishes?: string): Step =>
  ({ name, stopped, kind: "store", on: "nothing", size, reach, wishes, leaves: "writing", then: "s3" });

const STORE: Step[] = [
  store("put", "before the PUT", SMALL, stalled(make, "put")),
  store("put-done", "the object is there, its answer unheard", SMALL, stalled(make, "put", true)),
  store("look", "before the object's length is asked for", SMALL, stalled(make, "head")),
  store("looked", "its length heard, nothing written", SMALL, after(make, "head", anyWrite)),
  store("settle", "at the transaction that settles and completes", SMALL, after(make, "head", settling)),
  {
    ...store("sync", "the same has been written, and not synced", SMALL, after(make, "head", syncing)),
    leaves: "unsynced",
    only: "sqlite",
  },
  {
    ...store("settled", "the record is completed", SMALL, async (b, prompt) => {
      const id = await b.w.person.generate(prompt);
      await b.w.until("the end", `SELECT id FROM jobs WHERE generation_id = ${id} AND state = 'ended'`);
      await b.w.end();
    }),
    leaves: "stored",
  },
  store("begin", "before the upload is begun", LARGE, stalled(make, "begin")),
  store("begun", "begun, its answer unheard", LARGE, stalled(make, "begin", true)),
  store("begun-heard", "begun, its id not written", LARGE, after(make, "begin", anyWrite)),
  store("part", "before the first part", LARGE, stalled(make, "part")),
  store("part-done", "the part is there, its answer unheard", LARGE, stalled(make, "part", true)),
  store("part-heard", "the part is there, its row not written", LARGE, after(make, "part", anyWrite)),
  store("part-kept", "the first part's row is written", LARGE, heldBehindPart(make), HOLD),
  store("complete", "all parts are there, before the completion", LARGE, stalled(make, "complete")),
  store("complete-done", "completed, its answer unheard", LARGE, stalled(make, "complete", true)),
  store("complete-heard", "completed, before its length is asked for", LARGE, stalled(make, "head")),
  store("large-looked", "its length heard, nothing written", LARGE, after(make, "head", anyWrite)),
  store("large-settle", "at the transaction that settles and completes", LARGE,
    after(make, "head", settling)),
];

const deletion = (name: string, stopped: string, reach: Step["reach"]): Step =>
  ({ name, stopped, kind: "delete", on: "work", size: SMALL, reach, leaves: "none", then: "gone" });
const halfway = (name: string, stopped: string, on: string, asked = false): Step =>
  ({ ...deletion(name, stopped, removedHalfway(on, asked)), on: "nothing", size: LARGE, wishes: HOLD });

const DELETE: Step[] = [
  {
    ...deletion("row", "before anything is written", async (b, prompt, g) => {
      b.w.stopAt(b.w.anyCommit);
      await remove(b, prompt, g).catch(() => {});
      await b.w.died();
    }),
    leaves: "stored",
    then: "s3",
  },
  deletion("row-kept", "the record has gone, its owner has not heard of it", unanswered(remove)),
  deletion("delete", "before the DELETE", stalled(remove, "batch")),
  deletion("delete-done", "the object has gone, its answer unheard", stalled(remove, "batch", true)),
  deletion("delete-heard", "the object has gone, its row has not", after(remove, "batch", anyWrite)),
  halfway("half", "of half an upload: before its uploads are listed", "uploads"),
  halfway("half-abort", "before the abort", "abort"),
  halfway("half-aborted", "aborted, the answer unheard", "abort", true),
  halfway("half-delete", "aborted, before the DELETE of its key", "delete"),
  halfway("half-gone", "all gone, the answer unheard", "delete", true),
];

const saving = (name: string, stopped: string, size: number, reach: Step["reach"], wishes?: string): Step =>
  ({ name, stopped, kind: "save", on: "link", size, reach, wishes, leaves: "writing", then: "upstream" });

const SAVE: Step[] = [
  {
    ...saving("claimed", "claimed, the link is being fetched", SMALL, async (b, prompt, g) => {
      const done = save(b, prompt, g).catch(() => {});
      await eventually("a held file", async () => b.source.holding > 0, 90);
      await b.w.end();
      b.source.release();
      await done;
    }, "hold=40"),
    leaves: "none",
  },
  saving("save-put", "before the PUT", SMALL, stalled(save, "put")),
  saving("save-put-done", "the object is there, its answer unheard", SMALL, stalled(save, "put", true)),
  saving("save-looked", "its length heard, nothing written", SMALL, after(save, "head", anyWrite)),
  saving("save-settle", "at the transaction that settles", SMALL, after(save, "head", settling)),
  {
    ...saving("saved", "settled, its owner has not heard of it", SMALL, unanswered(save)),
    leaves: "stored",
    then: "s3",
  },
  saving("save-begun", "begun, its answer unheard", LARGE, stalled(save, "begin", true)),
  saving("save-part", "the first part's row is written", LARGE, heldBehindPart(save), HOLD),
  saving("save-complete", "all parts are there, before the completion", LARGE, stalled(save, "complete")),
  saving("save-complete-done", "completed, its answer unheard", LARGE, stalled(save, "complete", true)),
];

export const STEPS: Step[] = [...STORE, ...DELETE, ...SAVE];
