// SPDX-License-Identifier: Apache-2.0
// The job engine under refusals, time-outs, full disks, shutdowns and crowds.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { mediaFiles, settled } from "../lib/invariants.ts";
import { eventually, sleep } from "../lib/kinora.ts";
import { engines, World, type Dialect } from "./world.ts";

// One white pixel.
const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII=";
const SUBMIT = { chat: "chat", videos: "videos.create" };

for (const engine of engines) {
  describe(`limits on ${engine}`, () => {
    let w: World;
    before(async () => {
      w = await World.start({ engine });
      await w.person.account(w.demo, "videos");
    });
    after(() => w.stop());

    test(`[ST-1] ${engine}: a hundred parallel calls let exactly three in, and no picture of the others stays`, async () => {
      await w.demo.fault({ route: "videos.create", times: 0, job: { duration_ms: 3000 } });
      const form = { model: "sora2-landscape-10s", prompt: "crowd", image_input: PICTURE };
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => w.person.call("POST", "/api/v1/sora/generate", form)),
      );
      const count = (status: number) => answers.filter((a) => a.status === status).length;
      assert.deepEqual([count(202), count(429)], [3, 97]);
      assert.equal(w.rows.query("SELECT id FROM sora_generations").length, 3);
      await settled(w.kinora, w.demo);
      assert.equal(await w.submissions("crowd"), 3);
    });
  });
}

const refusals: [string, Record<string, unknown>][] = [
  ["401", { status: 401 }],
  ["402", { status: 402 }],
  ["403", { status: 403 }],
  ["404 of the model", { status: 404, error: { message: "no such model", code: "model_not_found" } }],
  ["429", { status: 429 }],
  ["500", { status: 500 }],
  ["503", { status: 503 }],
];

// Two accounts of a model of their own, the first one preferred.
async function accountPair(w: World, dialect: Dialect, model: string): Promise<number[]> {
  const ids: number[] = [];
  for (const [name, priority] of [["first", 1], ["second", 2]] as const) {
    const credentials = { base_url: w.demo.url, api_key: `${model}-${name}` };
    const made = await w.person.account(w.demo, dialect, {
      name: `${model} ${name}`, priority, credentials, models: [model],
    });
    ids.push(made.id as number);
  }
  return ids;
}

describe("refused submissions", { concurrency: 7 }, () => {
  let w: World;
  before(async () => {
    w = await World.start();
  });
  after(() => w.stop());

  for (const dialect of ["chat", "videos"] as Dialect[]) {
    for (const [i, [name, rule]] of refusals.entries()) {
      test(`[ST-2] ${dialect}: a job goes to another account on a received ${name}`, async () => {
        const model = `${dialect}-${i}`;
        const [, second] = await accountPair(w, dialect, model);
        const person = await w.person.member(`${model}@example.org`);
        await w.demo.fault({ route: SUBMIT[dialect], key: `${model}-first`, times: 0, ...rule });
        const id = await person.generate(model, { model });
        const g = await person.ended(id);
        assert.equal(g.status, "completed", JSON.stringify(g));
        assert.equal(Number(w.job(id).account_id), second);
        assert.equal(await w.submissions(model), 2);
      });
    }
  }
});

describe("switching accounts", () => {
  let w: World;
  const ids: Record<string, number> = {};
  before(async () => {
    w = await World.start();
    for (const dialect of ["chat", "videos"] as Dialect[])
      [ids[`${dialect}-first`], ids[`${dialect}-second`]] = await accountPair(w, dialect, dialect);
  });
  after(() => w.stop());
  beforeEach(async () => {
    await w.demo.control("DELETE", "/faults");
    for (const id of Object.values(ids))
      await w.person.ask("POST", `/api/v1/admin/accounts/${id}/reset`);
  });

  for (const dialect of ["chat", "videos"] as Dialect[]) {
    for (const at of ["before_head", "before_body"]) {
      test(`[ST-2] ${dialect}: it never switches once bytes were sent (cut ${at})`, async () => {
        const prompt = `${dialect} cut ${at}`;
        const rule = { route: SUBMIT[dialect], key: `${dialect}-first`, cut: { at, how: "reset" } };
        await w.demo.fault(at === "before_head" ? { ...rule, prompt } : rule);
        const id = await w.person.generate(prompt, { model: dialect });
        const g = await w.person.ended(id);
        assert.equal(g.error_code, "submission_unknown", JSON.stringify(g));
        assert.ok((await w.submissions(prompt)) <= 1);
      });
    }

    test(`[ST-2] ${dialect}: a received refusal is one, though its words are cut`, async () => {
      const prompt = `${dialect} cut refusal`;
      const cut = { at: 3, how: "reset" };
      await w.demo.fault({ route: SUBMIT[dialect], key: `${dialect}-first`, status: 503, cut });
      const id = await w.person.generate(prompt, { model: dialect });
      const g = await w.person.ended(id);
      assert.equal(g.status, "completed", JSON.stringify(g));
      assert.equal(Number(w.job(id).account_id), ids[`${dialect}-second`]);
    });

    test(`[ST-2] ${dialect}: it switches when the connection is refused`, async () => {
      const path = `/api/v1/admin/accounts/${ids[`${dialect}-first`]}`;
      const place = (base_url: string) =>
        w.person.ask("PATCH", path, { credentials: { base_url, api_key: `${dialect}-first` } });
      await place("http://127.0.0.1:9");
      const prompt = `${dialect} unreachable`;
      const id = await w.person.generate(prompt, { model: dialect });
      const g = await w.person.ended(id);
      await place(w.demo.url);
      assert.equal(g.status, "completed", JSON.stringify(g));
      assert.equal(await w.submissions(prompt), 1);
    });
  }

  test("[ST-2] a job that waited too long for a slot ends as timeout", async () => {
    for (const id of [ids["videos-first"], ids["videos-second"]])
      await w.person.ask("PATCH", `/api/v1/admin/accounts/${id}`, { concurrency: 1 });
    const rule = { route: "videos.create", times: 2, job: { duration_ms: 60000 } };
    await w.demo.fault(rule);
    const busy = [await w.person.generate("busy 1", { model: "videos" }),
      await w.person.generate("busy 2", { model: "videos" })];
    for (const id of busy) await w.person.until(id, (g) => g.status === "generating");
    const id = await w.person.generate("waits", { model: "videos" });
    await sleep(300);
    assert.equal((await w.person.generation(id)).status, "pending");
    w.rows.change(`UPDATE jobs SET pending_until = 1 WHERE generation_id = ${id}`);
    const g = await w.person.ended(id);
    assert.deepEqual([g.status, g.error_code], ["failed", "timeout"]);
    assert.equal(await w.submissions("waits"), 0);

    w.rows.change(`UPDATE jobs SET deadline_at = 1 WHERE generation_id = ${busy[0]}`);
    const late = await w.person.ended(busy[0]);
    assert.deepEqual([late.status, late.error_code], ["failed", "timeout"]);
    await w.person.ask("POST", `/api/v1/sora/generations/${busy[1]}/cancel`);
    await w.demo.until((s) => s.jobs.active === 0); // both were told
    await settled(w.kinora);
  });
});

for (const engine of engines) {
  describe(`a crowd on ${engine}`, () => {
    let w: World;
    before(async () => {
      w = await World.start({ engine });
    });
    after(() => w.stop());
    beforeEach(() => w.demo.control("DELETE", "/faults"));
    const clear = async () => {
      w.rows.change("UPDATE jobs SET pending_until = 1, deadline_at = 1, next_at = 0 WHERE state <> 'ended'");
      await w.demo.control("DELETE", "/faults");
      await w.demo.release();
      await w.until("an end of all", "SELECT 1 AS one WHERE NOT EXISTS (SELECT id FROM jobs WHERE state <> 'ended')");
    };

    test(`[ST-3] ${engine}: waiting jobs cost nothing and keep their order`, async () => {
      const credentials = { base_url: w.demo.url, api_key: "sk-line" };
      await w.person.account(w.demo, "videos", { models: ["line"], concurrency: 1, credentials });
      await w.demo.fault({ route: "videos.create", model: "line", times: 0, job: { duration_ms: 600000 } });
      const first = await w.person.generate("first", { model: "line" });
      await w.person.until(first, (g) => g.status === "generating");
      const second = await w.person.generate("second", { model: "line" });
      w.clone(second, 1000);
      const last = await w.person.generate("last", { model: "line" });
      const claims = () => Number(w.rows.one("SELECT SUM(fence) AS n FROM jobs WHERE state = 'queued'").n);
      const before = claims();
      await sleep(3000);
      console.log(`# 1002 waiting jobs: ${(claims() - before) / 3} claims a second`);
      assert.ok(claims() - before < 5, `${claims() - before} claims`);
      assert.equal((await w.person.generation(second)).queue_position, 1);
      assert.equal((await w.person.generation(last)).queue_position, 1002);
      // The slot goes to the oldest, then to the next.
      await w.person.ask("POST", `/api/v1/sora/generations/${first}/cancel`);
      await w.person.until(second, (g) => g.status === "generating", 5);
      assert.equal((await w.person.generation(last)).queue_position, 1001);
      await w.person.ask("POST", `/api/v1/sora/generations/${second}/cancel`);
      await w.until("the next", "SELECT id FROM jobs WHERE kind = 'video' AND state = 'polling'");
      const started = w.rows.query("SELECT public_id FROM jobs WHERE kind = 'video' AND state <> 'queued'");
      assert.match(started.map((j) => j.public_id).join(), /^\w+-0$/);
      assert.equal((await w.person.generation(last)).status, "pending");
      await clear();
    });

    for (const [what, route] of [["submissions", "videos.create"], ["polls", "videos.get"]]) {
      test(`[ST-2] ${engine}: an upstream that answers no ${what} leaves others their workers`, async () => {
        const model = (name: string) => `${what}-${name}`;
        for (const name of ["silent", "quick"]) {
          const credentials = { base_url: w.demo.url, api_key: model(name) };
          const more = { models: [model(name)], concurrency: 100, credentials };
          await w.person.account(w.demo, "videos", more);
        }
        await w.demo.fault({ route, key: model("silent"), times: 0, hold: true });
        const silent = await w.person.generate(`${what} silent`, { model: model("silent") });
        await w.demo.until((s) => s.open.held > 0);
        const again = { state: "'queued'", account_id: "NULL", submitted_at: "NULL" };
        w.clone(silent, 60, what === "submissions" ? again : {});
        await w.demo.until((s) => s.open.held > 2);
        const id = await w.person.generate(`${what} quick`, { model: model("quick") });
        assert.equal((await w.person.ended(id, 20)).status, "completed");
        const { held } = (await w.demo.state()).open;
        assert.ok(held > 1 && held <= 12, `${held} held`);
        await clear();
      });
    }
  });
}

describe("polls", () => {
  let w: World;
  let account: number;
  before(async () => {
    w = await World.start();
    account = (await w.person.account(w.demo, "videos")).id as number;
  });
  after(() => w.stop());
  beforeEach(async () => {
    await w.demo.control("DELETE", "/faults");
    await w.person.ask("POST", `/api/v1/admin/accounts/${account}/reset`);
  });

  // A job that runs upstream, and what every poll of it is answered with.
  async function polled(prompt: string, rule: Record<string, unknown>): Promise<number> {
    await w.demo.fault({ route: "videos.create", prompt, job: { duration_ms: 1000 } },
      { route: "videos.get", times: 0, ...rule });
    const id = await w.person.generate(prompt);
    await w.until("a failed poll", `SELECT id FROM jobs WHERE generation_id = ${id} AND attempts > 0`);
    return id;
  }
  const due = (id: number, more = "") =>
    w.rows.change(`UPDATE jobs SET next_at = 0${more} WHERE generation_id = ${id}`);

  for (const [name, rule] of [["503", { status: 503 }], ["a reset", { cut: { at: "before_head", how: "reset" } }],
    ["a page that says so", { html: true }], ["402", { status: 402 }]] as [string, object][]) {
    test(`[ST-3] a job outlasts an outage of its upstream (${name})`, async () => {
      const id = await polled(`outage: ${name}`, { ...rule });
      // As after many minutes of it; a poll that is under way writes a count of its own.
      await eventually("another poll", async () => {
        w.rows.change(`UPDATE jobs SET next_at = 0, attempts = 100
          WHERE generation_id = ${id} AND attempts < 100 AND lease_owner IS NULL`);
        return Number(w.job(id).attempts) > 100;
      });
      const { state, next_at } = w.job(id);
      assert.equal(state, "polling");
      assert.ok(Number(next_at) <= Date.now() + 30000);
      await w.demo.control("DELETE", "/faults");
      due(id);
      assert.equal((await w.person.ended(id)).status, "completed");
    });
  }

  test("[ST-2] an outage ends with the job's hour", async () => {
    const id = await polled("late", { status: 503 });
    due(id, ", deadline_at = 1");
    const g = await w.person.ended(id);
    assert.deepEqual([g.status, g.error_code], ["failed", "timeout"]);
  });

  test("[ST-2] a poll's Retry-After is obeyed, within five minutes", async () => {
    for (const [seconds, least, most] of [[120, 90, 121], [86400, 270, 301]]) {
      const id = await polled(`later ${seconds}`,
        { status: seconds === 120 ? 429 : 503, headers: { "Retry-After": String(seconds) } });
      // A poll may fail before it gets that far, and is made again after a second or two.
      await w.until("a poll that was told when to come again",
        `SELECT id FROM jobs WHERE generation_id = ${id} AND next_at > ${Date.now() + 60000}`);
      const wait = (Number(w.job(id).next_at) - Date.now()) / 1000;
      assert.ok(wait > least && wait < most, `${wait} s`);
      await w.person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
      await w.demo.control("DELETE", "/faults");
      await w.person.ask("POST", `/api/v1/admin/accounts/${account}/reset`);
    }
  });

  test("[ST-8] a failed job may be told by the poll's own status", async () => {
    await w.demo.fault({ route: "videos.get", times: 0, status: 500, json: {
      id: "video_1", object: "video", status: "failed", error: { code: 500, message: "CUDA out of memory" },
    } });
    const g = await w.person.ended(await w.person.generate("fails"));
    assert.deepEqual([g.status, g.error_code], ["failed", "upstream"]);
    assert.match(g.error_message, /CUDA out of memory/);
  });

  test("[ST-3] a 400 says that the task is missing only if it speaks of the task", async () => {
    const says = (message: string) => ({ status: 400, error: { message, code: "invalid_request" } });
    const id = await polled("not about it", says("The model was not found"));
    assert.equal(w.job(id).missing_since, null);
    await w.demo.control("DELETE", "/faults");
    await w.demo.fault({ route: "videos.get", times: 0, ...says("Task Not Exist") });
    due(id);
    await w.until("it is missing",
      `SELECT id FROM jobs WHERE generation_id = ${id} AND missing_since IS NOT NULL`);
    await w.demo.control("DELETE", "/faults");
    due(id);
    assert.equal((await w.person.ended(id)).status, "completed");
  });

  test("[ST-3] a task that is not known is asked for again before it is given up", async () => {
    const id = await polled("unknown", { status: 404 });
    await w.until("the next look", `SELECT id FROM jobs WHERE generation_id = ${id} AND state = 'polling'`);
    due(id, ", missing_since = 1");
    assert.equal((await w.person.ended(id)).error_code, "upstream");
    await w.demo.control("DELETE", "/faults");
    await w.demo.fault({ route: "videos.get", times: 0, status: 410 });
    const gone = await w.person.generate("gone");
    assert.equal((await w.person.ended(gone)).error_code, "upstream");
  });
});

describe("an account that honours the key", () => {
  let w: World;
  before(async () => {
    w = await World.start();
    await w.demo.settings({ idempotency: true });
    await w.person.account(w.demo, "videos", { honours_idempotency: true });
  });
  after(() => w.stop());

  test("[ST-3] after a death the submission is sent again once, with the same key", async () => {
    await w.demo.fault({ route: "videos.create", hold: true });
    const id = await w.person.generate("again");
    await w.demo.until((s) => s.open.held > 0);
    await w.kinora.kill();
    await w.demo.release();
    await w.again();
    const g = await w.person.ended(id);
    assert.equal(g.status, "completed", JSON.stringify(g));
    const key = w.job(id).idempotency_key;
    const found = (await w.demo.state()).submissions.by_key.find((s) => s.key === key);
    assert.deepEqual(found, { key, received: 2, accepted: 1 });
  });

  test("[ST-3] and after a lost connection, whatever is answered in between", async () => {
    await w.demo.fault(
      { route: "videos.create", cut: { at: "before_head", how: "reset" } },
      { route: "videos.create", status: 503 },
    );
    const id = await w.person.generate("lost line");
    const g = await w.person.ended(id);
    assert.equal(g.status, "completed", JSON.stringify(g));
    const key = w.job(id).idempotency_key;
    const found = (await w.demo.state()).submissions.by_key.find((s) => s.key === key);
    assert.deepEqual(found, { key, received: 3, accepted: 1 });
    await settled(w.kinora);
  });
});

describe("the store", () => {
  let w: World;
  before(async () => {
    w = await World.start();
    await w.person.account(w.demo, "videos");
  });
  after(() => w.stop());
  beforeEach(() => w.stopAt());

  test("[SG-5] media leave the database room on the disk", async () => {
    w.stopAt("fstatvfs .mp4 - ENOSPC");
    const g = await w.person.ended(await w.person.generate("nearly full disk"));
    assert.deepEqual([g.status, g.storage_type, g.storage_reason],
      ["completed", "upstream", "disk_full"]);
    w.stopAt();
    await settled(w.kinora, w.demo);
    assert.deepEqual(mediaFiles(w.kinora), []);
  });

  test("[SG-5] a full disk keeps the upstream's link, with the reason", async () => {
    w.stopAt("write .mp4 - ENOSPC");
    const g = await w.person.ended(await w.person.generate("full disk"));
    assert.deepEqual([g.status, g.storage_type, g.storage_reason],
      ["completed", "upstream", "disk_full"]);
    w.stopAt();
    await settled(w.kinora, w.demo);
    assert.deepEqual(mediaFiles(w.kinora), []);
  });

  test("[SG-5] so does a folder where no file can be made", async () => {
    w.stopAt("open .mp4 - EACCES");
    const g = await w.person.ended(await w.person.generate("no folder"), 90);
    assert.deepEqual([g.status, g.storage_type], ["completed", "upstream"]);
    assert.ok(g.storage_reason);
    w.stopAt();
    await settled(w.kinora, w.demo);
  });

  test("[SG-5] a passing fault is tried again and leaves nothing", async () => {
    w.stopAt("fsync .mp4 - EIO");
    const id = await w.person.generate("bad sector");
    await w.until("a second try", `SELECT id FROM jobs WHERE generation_id = ${id} AND attempts > 0`)
      .catch((error) => assert.fail(`${error} ${JSON.stringify(w.job(id))} ${w.kinora.log}`));
    w.stopAt();
    assert.equal((await w.person.ended(id)).storage_type, "local");
    await settled(w.kinora, w.demo);
  });

  test("[SG-7] the deletion queue retries until the file is gone", async () => {
    const id = await w.person.generate("to delete");
    await w.person.ended(id);
    w.stopAt("unlink /media/sora/ - EIO");
    await w.person.ask("DELETE", `/api/v1/sora/generations/${id}`);
    const user = w.rows.one("SELECT sora_storage_used_bytes AS used FROM users");
    assert.equal((await w.person.ask("GET", "/api/v1/sora/quota")).used_bytes, user.used);
    await w.until("a failed try", "SELECT id FROM deletions WHERE attempts > 0 AND last_error <> ''");
    w.stopAt();
    w.rows.change("UPDATE deletions SET next_at = 0");
    await settled(w.kinora, w.demo);
  });

  test("[ID-8] deleting a user cancels jobs, tells the upstream, and removes files", async () => {
    const member = await w.person.member("gone@example.org");
    const kept = await member.generate("kept by the member");
    await member.ended(kept);
    await w.demo.fault(
      { route: "videos.create", prompt: "runs", job: { duration_ms: 60000 } },
      { route: ["media", "videos.content"], hold_at: 4000 },
    );
    const fetching = await member.generate("being fetched");
    await w.until("a file being written",
      `SELECT id FROM objects WHERE generation_id = ${fetching} AND state = 'writing'`);
    const running = await member.generate("runs");
    await member.until(running, (g) => g.status === "generating");
    await w.until("an id", `SELECT id FROM jobs WHERE generation_id = ${running} AND upstream_id <> ''`);
    await w.person.ask("DELETE", `/api/v1/admin/users/${member.user.id}`);
    await w.demo.until((s) => s.jobs.active === 0);
    await w.demo.release();
    w.rows.change("UPDATE deletions SET next_at = 0");
    await settled(w.kinora, w.demo);
    assert.ok(mediaFiles(w.kinora).every((f) => !f.startsWith(`sora/${member.user.id}/`)));
  });

  test("[ST-3] the account stands in the row before anything is sent to it", async () => {
    await w.demo.fault({ route: "videos.create", hold: true });
    const id = await w.person.generate("held");
    await w.demo.until((s) => s.open.held > 0);
    const [account] = w.rows.query("SELECT id FROM accounts");
    const { state, account_id } = w.job(id);
    assert.deepEqual([state, account_id], ["submitting", account.id]);
    await w.demo.release();
    assert.equal((await w.person.ended(id)).status, "completed");
  });

  test("[ST-5] a cancellation while the submission is in the air reaches the upstream", async () => {
    await w.demo.fault({ route: "videos.create", hold: true, job: { duration_ms: 60000 } });
    const id = await w.person.generate("cancelled in the air");
    await w.demo.until((s) => s.open.held > 0);
    await w.person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    await w.demo.release();
    await w.demo.until((s) => s.jobs.cancelled > 0);
    await settled(w.kinora, w.demo);
  });
});

for (const engine of engines) {
  describe(`telling the upstream of a cancellation on ${engine}`, () => {
    let w: World;
    before(async () => {
      w = await World.start({ engine });
      await w.person.account(w.demo, "videos");
    });
    after(() => w.stop());

    const noted = () => w.rows.query("SELECT tries FROM upstream_cancels");
    async function running(prompt: string): Promise<number> {
      await w.demo.fault({ route: "videos.create", prompt, job: { duration_ms: 600000 } });
      const id = await w.person.generate(prompt);
      await w.until("an id", `SELECT id FROM jobs WHERE generation_id = ${id} AND upstream_id <> ''`);
      return id;
    }
    const cancelled = async () => (await w.demo.state()).jobs.cancelled;

    test(`[ST-5] ${engine}: a death between the commit and the call does not keep it from the upstream`, async () => {
      const id = await running("dies before it tells");
      w.stopAt(`send ${w.upstreamPort} DELETE~/v1/videos/ kill`);
      await w.person.call("POST", `/api/v1/sora/generations/${id}/cancel`).catch(() => {});
      await w.died();
      assert.equal(noted().length, 1);
      assert.equal(await cancelled(), 0);
      await w.again();
      w.rows.change("UPDATE upstream_cancels SET next_at = 0");
      await w.demo.until((s) => s.jobs.cancelled === 1);
      await eventually("nothing is left to tell", async () => noted().length === 0);
      assert.equal((await w.person.ended(id)).status, "cancelled");
      await settled(w.kinora, w.demo);
    });

    test(`[ST-5] ${engine}: an upstream that does not hear is told again`, async () => {
      const before = await cancelled();
      await w.demo.fault({ route: "videos.delete", times: 2, status: 503 });
      const id = await running("does not hear");
      await w.person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
      for (const tries of [1, 2]) {
        await eventually("a failed try", async () => Number(noted()[0]?.tries) === tries);
        w.rows.change("UPDATE upstream_cancels SET next_at = 0");
      }
      await w.demo.until((s) => s.jobs.cancelled === before + 1);
      await eventually("nothing is left to tell", async () => noted().length === 0);
    });
  });
}

describe("SIGTERM", () => {
  for (const [name, held] of [["drains", false], ["cuts, after the drain time,", true]] as const) {
    test(`[ST-3] it ${name} streams, polls, transfers and listeners, and ends with 0`, async (t) => {
      const w = await World.start({ args: ["--drain", held ? "1" : "20"] });
      t.after(() => w.stop());
      await w.person.account(w.demo, "chat", { models: ["by-chat"] });
      await w.person.account(w.demo, "videos", { models: ["by-videos"] });
      await w.demo.fault(
        { route: ["media", "videos.content"], hold_at: 4000, times: held ? 0 : 1 },
        { route: "chat", prompt: "stream", job: { duration_ms: held ? 60000 : 2000 } },
      );
      const transfer = await w.person.generate("transfer", { model: "by-videos" });
      const stream = await w.person.generate("stream", { model: "by-chat" });
      await w.until("a file being written",
        `SELECT id FROM objects WHERE generation_id = ${transfer} AND state = 'writing'`);
      const events = await fetch(`${w.kinora.url}/api/v1/sora/events`, {
        headers: { authorization: `Bearer ${w.person.token}` },
      });
      const listened = events.text().catch(() => "");
      const stopped = w.kinora.stop({ keep: true });
      if (!held) setTimeout(() => void w.demo.release(), 500);
      await stopped;
      await listened;
      const state = (id: number) => w.job(id).state;
      if (!held) {
        assert.deepEqual([state(transfer), ["storing", "ended"].includes(state(stream))], ["ended", true]);
      } else {
        assert.deepEqual([state(transfer), state(stream)], ["storing", "streaming"]);
        await w.demo.control("DELETE", "/faults");
        await w.demo.release();
      }
      await w.again();
      assert.equal((await w.person.ended(transfer)).status, "completed");
      const ended = await w.person.ended(stream);
      assert.equal(ended.status, held ? "failed" : "completed", JSON.stringify(ended));
      await settled(w.kinora, w.demo);
    });
  }

  // The slot that the polled job keeps to the end is then free for those in line.
  test("[GW-4] it leaves the line of jobs that wait for a slot, and ends with 0", async (t) => {
    const w = await World.start({ args: ["--drain", "0"] });
    t.after(() => w.stop());
    await w.person.account(w.demo, "videos", { concurrency: 1 });
    await w.demo.fault({ route: "videos.create", prompt: "first", job: { duration_ms: 60000 } });
    const first = await w.person.generate("first");
    await w.until("a task", `SELECT id FROM jobs WHERE generation_id = ${first} AND state = 'polling'`);
    const waiting = [await w.person.generate("second"), await w.person.generate("third")];
    await sleep(1500); // a look of the scheduler's, which puts them in line: nothing outside shows it
    await w.kinora.stop({ keep: true });
    await w.kinora.launch();
    await w.person.ask("POST", `/api/v1/sora/generations/${first}/cancel`);
    for (const id of waiting) assert.equal((await w.person.ended(id)).status, "completed");
    await settled(w.kinora, w.demo);
  });
});

test("[ST-3] a job goes on at once when its step returns late from its commit",
  { skip: engines.includes("postgres") ? false : "needs KINORA_TEST_POSTGRES" }, async (t) => {
    const w = await World.start({ engine: "postgres" });
    t.after(() => w.stop());
    await w.person.account(w.demo, "videos");
    await w.demo.fault({ route: "videos.get", hold: true, times: 1 });
    const id = await w.person.generate("late");
    await w.demo.until((s) => s.open.held > 0);
    const database = `:${new URL(process.env.KINORA_TEST_POSTGRES!).port}`;
    w.stopAt(`send ${database} storing go`, `recv ${database} COMMIT wait`);
    await w.demo.release();
    const first = await eventually("its result", async () => {
      const job = w.job(id);
      return job.state !== "polling" && job;
    });
    assert.equal((await w.person.ended(id)).status, "completed");
    // A claim that found the step busy would have been left to its lease, and made once more.
    const claims = Number(w.job(id).fence) - Number(first.fence);
    assert.equal(claims, first.state === "storing" && !first.lease_owner ? 1 : 0);
    await settled(w.kinora, w.demo);
  });

test("[ST-3] a claim that nobody works on is taken up again on a busy node", async (t) => {
  const w = await World.start();
  t.after(() => w.stop());
  await w.person.account(w.demo, "videos");
  await w.demo.fault(
    { route: "videos.create", prompt: "polled", job: { duration_ms: 90000 } },
    { route: "videos.create", prompt: "claimed", job: { duration_ms: 90000 } },
  );
  const claimed = await w.person.generate("claimed");
  const polled = await w.person.generate("polled");
  for (const id of [claimed, polled])
    await w.until("an id", `SELECT id FROM jobs WHERE generation_id = ${id} AND upstream_id <> ''`);
  // A poll in the air keeps the engine busy, and its row tells the node's name.
  await w.demo.fault({ route: "videos.get", path: w.job(polled).upstream_id, hold: true, times: 0 });
  await w.until("a poll", `SELECT id FROM jobs WHERE generation_id = ${polled} AND state = 'polling'
    AND lease_owner <> ''`);
  const owner = w.job(polled).lease_owner;
  // As after a claim whose commit was kept and whose answer was lost.
  const { fence } = w.job(claimed);
  w.rows.change(`UPDATE jobs SET fence = fence + 1, lease_owner = '${owner}',
    lease_until = ${Date.now() + 12000}, next_at = 0 WHERE generation_id = ${claimed}`);
  await eventually("another claim", async () => Number(w.job(claimed).fence) > Number(fence) + 1, 25);
  for (const id of [claimed, polled])
    await w.person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
  await w.demo.release();
  await settled(w.kinora, w.demo);
});

test("[SG-6] the room of a take that died is free for the next one", async (t) => {
  const w = await World.start();
  t.after(() => w.stop());
  await w.person.account(w.demo, "videos");
  const first = await w.person.ended(await w.person.generate("to know the size"));
  const room = first.file_size_bytes * 2 + 1000;
  await w.person.ask("PATCH", `/api/v1/admin/users/${w.person.user.id}`, {
    sora_storage_quota_bytes: room,
  });
  w.stopAt("fsync .mp4 - kill");
  const id = await w.person.generate("just fits");
  await w.died();
  w.stopAt();
  // The dead take's lease lasts for two minutes.
  await w.kinora.launch();
  const g = await w.person.ended(id);
  assert.deepEqual([g.storage_type, g.storage_reason], ["local", null]);
  await settled(w.kinora, w.demo);
});
