// SPDX-License-Identifier: Apache-2.0
// The studio's jobs and their records over HTTP (docs/spec.md, sections 4 and 5), on a demo
// upstream that is told to fail in every way.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Events } from "../lib/events.ts";
import { eventually, Kinora, type Generation, type Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, send, stopAll } from "../lib/raw.ts";

let kinora: Kinora;
let demo: Demo;
let admin: Person;
let account: { id: number };

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "200")]);
  admin = documented(await kinora.admin());
  account = await admin.account(demo, "chat");
});

after(() => stopAll(kinora, demo));

beforeEach(async () => {
  await demo.reset();
  await admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, {
    dialect: "chat",
    status: "active",
  });
  await admin.ask("POST", `/api/v1/admin/accounts/${account.id}/reset`);
});

let count = 0;
async function member(more: Record<string, unknown> = {}): Promise<Person> {
  return documented(await admin.member(`maker${++count}@example.org`, more));
}

// From now on the account speaks the Videos API: jobs that are polled.
function polled(): Promise<unknown> {
  return admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { dialect: "videos" });
}

const IMAGE = { model: "gpt-image" };
const generating = (g: Generation) => g.status === "generating";

// A picture that was made and stored.
async function picture(person: Person, prompt = "a paper boat"): Promise<Generation> {
  const made = await person.ended(await person.generate(prompt, IMAGE));
  assert.equal(made.status, "completed", String(made.error_message));
  return made;
}

async function endless(person: Person, prompt = "never done"): Promise<number> {
  await demo.fault({ name: "endless", prompt, times: 0, job: { duration_ms: 3600000 } });
  return person.generate(prompt);
}

function usedBy(person: Person): Promise<number> {
  return person.ask("GET", "/api/v1/sora/quota").then((q) => q.used_bytes);
}

describe("Starting a job", () => {
  test("[ST-1 V-2] A prompt is answered 202 at once, and becomes a stored work that is counted", async () => {
    const person = await member();
    await polled();
    await demo.fault({ route: "videos.create", hold: true });
    const answer = await person.call("POST", "/api/v1/sora/generate", {
      model: "sora2-portrait-10s",
      prompt: "a lighthouse in the rain",
    });
    // The upstream has not answered yet; nobody had to wait for it.
    assert.equal(answer.status, 202);
    assert.equal(answer.body.status, "pending");
    const id = answer.body.generation_id;
    const early = await person.generation(id);
    assert.ok(["pending", "generating"].includes(early.status));
    assert.equal(early.storage_type, "none");
    assert.equal(early.media_url, null);
    await demo.until((s) => s.open.held === 1);
    await demo.release();
    const made = await person.ended(id);
    assert.equal(made.status, "completed", String(made.error_message));
    assert.deepEqual([made.storage_type, made.progress, made.error_code], ["local", 100, null]);
    assert.deepEqual([made.width, made.height], [720, 1280]);
    assert.ok(Math.abs((made.duration_seconds as number) - 10) < 0.5);
    assert.ok(made.started_at && made.completed_at && !made.expires_at);
    const file = await fetch(made.media_url!);
    assert.equal(file.headers.get("content-type"), "video/mp4");
    const bytes = await file.arrayBuffer();
    assert.equal(bytes.byteLength, made.file_size_bytes);
    assert.equal(await usedBy(person), made.file_size_bytes);
    const { submissions } = await demo.state();
    assert.deepEqual([submissions.received, submissions.accepted], [1, 1]);
  });

  test("[ST-1 V-13] Three jobs run at once and the fourth is refused, in Chinese and in English", async () => {
    const person = await member();
    const ids = [await endless(person), await endless(person), await endless(person)];
    for (const id of ids) await person.until(id, generating);
    const form = { model: "gpt-image", prompt: "one too many" };
    for (const language of ["zh", "en"] as const) {
      person.language = language;
      const answer = await person.call("POST", "/api/v1/sora/generate", form);
      assertError(answer, 429, "too_many_jobs", language);
      if (language === "zh")
        assert.equal(answer.body.error.message, "请等待当前任务完成后再发起新任务");
    }
    const other = await member();
    await picture(other);
    await person.ask("POST", `/api/v1/sora/generations/${ids[0]}/cancel`);
    await picture(person);
    for (const id of ids.slice(1)) await person.ask("DELETE", `/api/v1/sora/generations/${id}`);
  });

  test("[ST-1] A hundred calls at once let exactly three in", async () => {
    const person = await member();
    await demo.fault({ prompt: "rush", times: 0, job: { duration_ms: 3600000 } });
    const form = { model: "sora2-landscape-10s", prompt: "rush" };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => person.call("POST", "/api/v1/sora/generate", form)),
    );
    const let_in = answers.filter((a) => a.status === 202);
    assert.equal(let_in.length, 3);
    for (const a of answers) if (a.status !== 202) assertError(a, 429, "too_many_jobs");
    for (const a of let_in)
      await person.ask("DELETE", `/api/v1/sora/generations/${a.body.generation_id}`);
  });

  test("[ST-1 V-4] A full quota is refused before the number of jobs is looked at, with figures and a guide", async () => {
    const person = await member();
    const first = await picture(person);
    const ids = [await endless(person), await endless(person), await endless(person)];
    const path = `/api/v1/admin/users/${person.user.id}`;
    await admin.ask("PATCH", path, { sora_storage_quota_bytes: 1 });
    for (const language of ["zh", "en"] as const) {
      person.language = language;
      const answer = await person.call("POST", "/api/v1/sora/generate", { ...IMAGE, prompt: "p" });
      assertError(answer, 429, "quota_exceeded", language);
      const { quota_bytes, used_bytes, guide, message } = answer.body.error;
      assert.deepEqual(
        [quota_bytes, used_bytes, guide],
        [1, first.file_size_bytes, "delete_works"],
      );
      if (language === "zh") assert.equal(message, "存储配额已满，请删除不需要的作品释放空间");
    }
    for (const id of ids) await person.ask("DELETE", `/api/v1/sora/generations/${id}`);
    // Deleting works over quota, and makes room.
    await person.ask("DELETE", `/api/v1/sora/generations/${first.id}`);
    assert.equal(await usedBy(person), 0);
    await person.ended(await person.generate("there is room", IMAGE));
  });

  test("[ST-1] An input image goes up with the prompt, as a data URL or as an address", async () => {
    const person = await member();
    const png =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const data = `data:image/png;base64,${png}`;
    const made = await person.ended(
      await person.generate("from bytes", { ...IMAGE, image_input: data }),
    );
    assert.equal(made.status, "completed", String(made.error_message));
    assert.equal((made.params as any).image_input, true);
    const address = "https://pictures.example/fox.png";
    await person.ended(
      await person.generate("from an address", { ...IMAGE, image_input: address }),
    );
    const bodies = (await demo.requests("chat")).map((r) =>
      JSON.parse(Buffer.from(r.body.base64!, "base64").toString()),
    );
    const sent = bodies.map(
      (b) => b.messages[0].content.find((p: any) => p.type === "image_url").image_url.url,
    );
    assert.match(sent[0], /^data:image\/png;base64,iVBOR/);
    assert.equal(sent[1], address);
    assert.equal(await usedBy(person), await sumOf(person), "inputs are free");
  });
});

async function sumOf(person: Person): Promise<number> {
  const { data } = await person.ask(
    "GET",
    "/api/v1/sora/generations?page_size=100&storage_type=local,s3",
  );
  return data.reduce((sum: number, g: Generation) => sum + g.file_size_bytes, 0);
}

describe("A job's life", () => {
  test("[ST-2] After a refusal by one account the next one takes the job", async () => {
    const person = await member();
    const second = await admin.account(demo, "chat", {
      priority: 1,
      credentials: { base_url: demo.url, api_key: "broken-key" },
    });
    await demo.fault({ key: "broken-key", status: 503, times: 0 });
    await picture(person, "second try");
    const { submissions } = await demo.state();
    assert.deepEqual(submissions.by_prompt, [{ prompt: "second try", received: 2, accepted: 1 }]);
    await admin.ask("DELETE", `/api/v1/admin/accounts/${second.id}`);
  });

  test("[ST-2] Progress only rises, and states come in their order", async () => {
    const person = await member();
    await polled();
    const id = await person.generate("step by step");
    const order = ["pending", "generating", "completed"];
    let last = { place: 0, progress: 0 };
    await person.until(id, (g) => {
      const place = order.indexOf(g.status);
      assert.ok(place >= last.place, `${g.status} after ${order[last.place]}`);
      assert.ok(g.progress >= last.progress, `${g.progress} after ${last.progress}`);
      assert.equal(g.storage_type === "none", g.status !== "completed");
      last = { place, progress: g.progress };
      return g.status === "completed";
    });
  });

  test("[ST-5 V-10] Cancelling a running job is passed on to the upstream, charges nothing and stays", async () => {
    const person = await member();
    await polled();
    const id = await endless(person);
    await person.until(id, generating);
    await demo.until((s) => s.jobs.active === 1);
    const answer = await person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    assert.equal(answer.status, "cancelled");
    await demo.until((s) => s.jobs.active === 0 && s.routes["videos.delete"].requests >= 1);
    assert.equal(await usedBy(person), 0);
    const g = await person.generation(id);
    assert.deepEqual([g.status, g.storage_type, g.media_url], ["cancelled", "none", null]);
    for (const language of ["zh", "en"] as const) {
      person.language = language;
      const again = await person.call("POST", `/api/v1/sora/generations/${id}/cancel`);
      assertError(again, 409, "already_finished", language);
      if (language === "zh") assert.equal(again.body.error.message, "任务已结束，无法取消");
    }
  });

  test("[ST-5 V-10] Cancelling a streamed job ends the upstream's stream", async () => {
    const person = await member();
    const id = await endless(person);
    await demo.until((s) => s.routes.chat.open === 1);
    await person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    await demo.until((s) => s.routes.chat.open === 0 && s.jobs.active === 0);
    assert.equal((await person.generation(id)).status, "cancelled");
  });

  test("[ST-5 V-10] A job that waits for an account is cancelled before anything is sent", async () => {
    const person = await member();
    await admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { concurrency: 1 });
    const first = await endless(person);
    await person.until(first, generating);
    const second = await person.generate("waiting");
    const waiting = await person.generation(second);
    assert.equal(waiting.status, "pending");
    assert.equal(typeof waiting.queue_position, "number");
    assert.equal(
      (await person.ask("POST", `/api/v1/sora/generations/${second}/cancel`)).status,
      "cancelled",
    );
    await person.ask("POST", `/api/v1/sora/generations/${first}/cancel`);
    await admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { concurrency: 20 });
    assert.ok((await demo.state()).submissions.by_prompt.every((p) => p.prompt !== "waiting"));
  });

  test("[ST-2 ST-4] A job that the upstream sent back is in line again, and no end is foretold", async () => {
    const person = await member();
    await demo.fault({ prompt: "sent back", status: 429, headers: { "Retry-After": "600" } });
    const id = await person.generate("sent back");
    await person.until(id, (g) => g.status === "generating" && g.queue_position === 1 && g.eta_seconds === null);
    await admin.ask("POST", `/api/v1/admin/accounts/${account.id}/reset`);
    await person.until(id, (g) => g.status === "completed" && g.queue_position === null);
  });

  test("[ST-5] A completed job cannot be cancelled", async () => {
    const person = await member();
    const made = await picture(person);
    const answer = await person.call("POST", `/api/v1/sora/generations/${made.id}/cancel`);
    assertError(answer, 409, "already_finished");
    assert.equal((await person.generation(made.id)).status, "completed");
  });
});

describe("Records", () => {
  test("[ST-4] Lists are newest first, in pages, filtered by comma lists, with a total", async () => {
    const person = await member();
    await demo.fault({ prompt: "refused", times: 0, job: { refuse: true } });
    const ids: number[] = [];
    for (const prompt of ["red boat", "blue boat", "refused"]) {
      const id = await person.generate(prompt, IMAGE);
      await person.ended(id);
      ids.unshift(id);
    }
    const film = await person.generate("a film");
    await person.ended(film);
    ids.unshift(film);
    const list = async (query: string) => {
      const { data, total } = await person.ask("GET", `/api/v1/sora/generations?${query}`);
      return { ids: data.map((g: Generation) => g.id), total };
    };
    const [video, refused, blue, red] = ids;
    assert.deepEqual(await list(""), { ids, total: 4 });
    assert.deepEqual(await list("page=1&page_size=3"), { ids: ids.slice(0, 3), total: 4 });
    assert.deepEqual(await list("page=2&page_size=3"), { ids: ids.slice(3), total: 4 });
    assert.deepEqual(await list("page=9"), { ids: [], total: 4 });
    assert.deepEqual(await list("status=failed"), { ids: [refused], total: 1 });
    assert.deepEqual(await list("status=failed,completed"), { ids, total: 4 });
    assert.deepEqual(await list("status=pending,generating"), { ids: [], total: 0 });
    assert.deepEqual(await list("storage_type=local,s3"), { ids: [video, blue, red], total: 3 });
    assert.deepEqual(await list("storage_type=none"), { ids: [refused], total: 1 });
    assert.deepEqual(await list("media_type=video"), { ids: [video], total: 1 });
    assert.deepEqual(await list("media_type=image&status=completed"), {
      ids: [blue, red],
      total: 2,
    });
    assert.deepEqual(await list("q=boat"), { ids: [blue, red], total: 2 });
  });

  test("[ST-4] Nobody sees, cancels or deletes another user's record, not even an administrator", async () => {
    const owner = await member();
    const made = await picture(owner);
    const path = `/api/v1/sora/generations/${made.id}`;
    for (const person of [await member(), admin]) {
      assertError(await person.call("GET", path), 404, "generation_not_found");
      assertError(await person.call("DELETE", path), 404, "generation_not_found");
      assertError(await person.call("POST", `${path}/cancel`), 404, "generation_not_found");
    }
    assert.equal((await owner.generation(made.id)).status, "completed");
  });

  test("[ST-4 SG-7] Deleting a work gives its bytes back at once, and its file goes", async () => {
    const person = await member();
    const [one, two] = [await picture(person, "one"), await picture(person, "two")];
    assert.equal(await usedBy(person), one.file_size_bytes + two.file_size_bytes);
    await person.ask("DELETE", `/api/v1/sora/generations/${one.id}`);
    assert.equal(await usedBy(person), two.file_size_bytes);
    assertError(
      await person.call("GET", `/api/v1/sora/generations/${one.id}`),
      404,
      "generation_not_found",
    );
    await eventually(
      "the link opens nothing",
      async () => (await fetch(one.media_url!)).status === 404,
    );
    assert.equal((await fetch(two.media_url!)).status, 200);
  });

  test("[ST-4] Deleting a running job cancels it upstream first", async () => {
    const person = await member();
    await polled();
    const id = await endless(person);
    await demo.until((s) => s.jobs.active === 1);
    await person.ask("DELETE", `/api/v1/sora/generations/${id}`);
    await demo.until((s) => s.jobs.active === 0);
    assertError(
      await person.call("GET", `/api/v1/sora/generations/${id}`),
      404,
      "generation_not_found",
    );
  });
});

describe("Failures", () => {
  async function failure(prompt: string, rule: Record<string, unknown>, more = {}) {
    const person = await member();
    await demo.fault({ prompt, times: 0, ...rule });
    const id = await person.generate(prompt, more);
    const g = await person.ended(id);
    assert.equal(g.status, "failed");
    assert.deepEqual([g.storage_type, g.media_url, await usedBy(person)], ["none", null, 0]);
    const text = String(g.error_message);
    assert.ok(text.length > 8 && !/[<{]/.test(text), `a raw dump: ${text}`);
    assert.doesNotMatch(text, /\p{Script=Han}/u);
    person.language = "zh";
    const translated = String((await person.generation(id)).error_message);
    assert.match(translated, /^\p{Script=Han}{4}/u);
    assert.ok(!/[<{]/.test(translated), `a raw dump: ${translated}`);
    return g;
  }

  for (const dialect of ["chat", "videos"]) {
    test(`[ST-8] A prompt that the upstream declines is of class content_policy (${dialect})`, async () => {
      if (dialect === "videos") await polled();
      const g = await failure("declined", { job: { refuse: true } });
      assert.equal(g.error_code, "content_policy");
    });

    test(`[ST-8] A job that breaks upstream is of class upstream, in the upstream's words (${dialect})`, async () => {
      if (dialect === "videos") await polled();
      const g = await failure("breaks", { job: { fail: "The renderer fell over." } });
      assert.equal(g.error_code, "upstream");
      assert.match(String(g.error_message), /renderer fell over/);
    });

    test(`[ST-8] A key that the upstream refuses is of class account (${dialect})`, async () => {
      if (dialect === "videos") await polled();
      const g = await failure("locked out", { status: 401 });
      assert.equal(g.error_code, "account");
    });

    test(`[ST-8] A proxy's HTML page is told as a sentence, never shown (${dialect})`, async () => {
      if (dialect === "videos") await polled();
      const g = await failure("html", { html: true, status: 400 });
      assert.equal(g.error_code, "upstream");
    });
  }

  test("[ST-8] A stream that breaks after it was sent is submission_unknown, and is not sent again", async () => {
    const g = await failure("cut off", { route: "chat", cut: { at: 700, how: "reset" } });
    assert.equal(g.error_code, "submission_unknown");
    assert.match(String(g.error_message), /charged/);
    const { submissions } = await demo.state();
    assert.equal(submissions.received, 1);
  });

  test("[ST-8] A job that ends without a result has failed upstream", async () => {
    await polled();
    const g = await failure(
      "nothing",
      { job: { no_result: true } },
      { model: "sora2-landscape-10s" },
    );
    assert.equal(g.error_code, "upstream");
  });

  test("[ST-8] A link that had expired before the file was fetched has failed upstream", async () => {
    const g = await failure("too late", { job: { link_ttl_ms: 0, link_status: 403 } });
    assert.equal(g.error_code, "upstream");
    assert.match(String(g.error_message), /expired/);
  });

  test("[ST-8] A task that the upstream has forgotten has failed upstream", async () => {
    const person = await member();
    await polled();
    const id = await endless(person, "forgotten");
    await person.until(id, generating);
    await eventually("the task is there", async () => (await demo.jobs()).length === 1);
    await demo.steer((await demo.jobs())[0].id, { forget: true });
    const g = await person.ended(id);
    assert.deepEqual([g.status, g.error_code], ["failed", "upstream"]);
  });

  test("[ST-8] A job that sticks at 99 percent stays generating, and can be cancelled", async () => {
    const person = await member();
    await polled();
    await demo.fault({ prompt: "stuck", job: { stick_at: 99 } });
    const id = await person.generate("stuck");
    const g = await person.until(id, (g) => g.progress === 99);
    assert.equal(g.status, "generating");
    assert.equal(
      (await person.ask("POST", `/api/v1/sora/generations/${id}/cancel`)).status,
      "cancelled",
    );
  });

  test("[ST-8] A status word that nobody knows is no failure: the job is asked after again", async () => {
    const person = await member();
    await polled();
    const words = { queued: "in_the_oven", in_progress: "simmering" };
    await demo.fault({ prompt: "odd words", job: { words, duration_ms: 3000 } });
    const g = await person.ended(await person.generate("odd words"));
    assert.equal(g.status, "completed", String(g.error_message));
  });

  test("[ST-8] A model that no account serves fails by class account", async () => {
    const person = await member();
    await admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { status: "disabled" });
    const g = await person.ended(await person.generate("nobody there"));
    assert.deepEqual([g.status, g.error_code], ["failed", "account"]);
  });
});

describe("What there is", () => {
  test("[ST-7 SG-8] The effective quota is the user's, else the group's, else the system's, else none", async () => {
    const group = await admin.ask("POST", "/api/v1/admin/groups", { name: "quotas" });
    const person = await member({ group_id: group.id });
    const set = (path: string, field: string, bytes: number) =>
      admin.ask("PATCH", path, { [field]: bytes });
    const user = `/api/v1/admin/users/${person.user.id}`;
    const groups = `/api/v1/admin/groups/${group.id}`;
    const seen = async () => {
      const q = await person.ask("GET", "/api/v1/sora/quota");
      assert.equal(q.available_bytes, q.quota_source === "unlimited" ? null : q.quota_bytes);
      return [q.quota_source, q.quota_bytes];
    };
    const setting = "sora_default_storage_quota_bytes",
      quota = "sora_storage_quota_bytes";
    assert.deepEqual(await seen(), ["unlimited", 0]);
    await set("/api/v1/admin/settings", setting, 3000);
    assert.deepEqual(await seen(), ["system", 3000]);
    await set(groups, quota, 2000);
    assert.deepEqual(await seen(), ["group", 2000]);
    await set(user, quota, 1000);
    assert.deepEqual(await seen(), ["user", 1000]);
    await set(user, quota, 0);
    await set(groups, quota, 0);
    await set("/api/v1/admin/settings", setting, 0);
    assert.deepEqual(await seen(), ["unlimited", 0]);
  });

  test("[SG-6] The counter is the sum of what is stored, whatever was made, cancelled and deleted", async () => {
    const person = await member();
    const works = await Promise.all(["a", "b", "c"].map((p) => picture(person, p)));
    await person.ask("DELETE", `/api/v1/sora/generations/${works[1].id}`);
    const id = await endless(person);
    await person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    const several = await person.ended(
      await person.generate("three", { ...IMAGE, video_count: 3 }),
    );
    assert.equal(several.media_urls.length, 3, String(several.error_message));
    const used = await usedBy(person);
    assert.equal(used, await sumOf(person));
    assert.equal(
      used,
      works[0].file_size_bytes + works[2].file_size_bytes + several.file_size_bytes,
    );
    const me = await person.ask("GET", "/api/v1/auth/me");
    assert.equal(me.sora_storage_used_bytes, used);
  });

  test("[ST-7] The storage status follows the switches", async () => {
    const person = await member();
    const status = () => person.ask("GET", "/api/v1/sora/storage-status");
    assert.deepEqual(await status(), { s3_enabled: false, s3_healthy: false, local_enabled: true });
    await admin.ask("PATCH", "/api/v1/admin/settings", { local_storage_enabled: false });
    assert.equal((await status()).local_enabled, false);
    await admin.ask("PATCH", "/api/v1/admin/settings", { local_storage_enabled: true });
  });

  test("[ST-7] [UI-9] the built-in models are described in the caller's language", async () => {
    const words = async (language: string) => {
      const answer = await admin.call("GET", "/api/v1/sora/models", undefined, { "accept-language": language });
      return answer.body.data.find((m: { id: string }) => m.id === "gpt-image-landscape");
    };
    const [zh, en] = [await words("zh"), await words("en")];
    assert.deepEqual([zh.name, zh.description], ["GPT Image 横屏", "静态图片"]);
    assert.deepEqual([en.name, en.description], ["GPT Image, landscape", "Still image"]);
    // In an administrator's own list the words that were left as they are stay translated.
    const kept = { id: en.id, name: en.name, media_type: "image", description: "For posters" };
    await admin.ask("PATCH", "/api/v1/admin/settings", { models: [kept] });
    const own = await words("zh");
    await admin.ask("PATCH", "/api/v1/admin/settings", { models: null });
    assert.deepEqual([own.name, own.description], ["GPT Image 横屏", "For posters"]);
  });

  test("[ST-11] The built-in models are there, the prompt enhancers by a setting, and what accounts list", async () => {
    const person = await member();
    const ids = async () => {
      const { data } = await person.ask("GET", "/api/v1/sora/models");
      return data.map((m: any) => m.id) as string[];
    };
    const sides = ["landscape", "portrait"];
    const builtin = [
      ...["gpt-image", "gpt-image-landscape", "gpt-image-portrait"],
      ...["sora2", "sora2pro"].flatMap((m) =>
        sides.flatMap((s) => [10, 15, 25].map((n) => `${m}-${s}-${n}s`)),
      ),
      ...sides.flatMap((s) => [10, 15].map((n) => `sora2pro-hd-${s}-${n}s`)),
    ];
    const inOrder = await ids();
    assert.deepEqual([...inOrder].sort(), builtin.sort());
    await admin.ask("PATCH", "/api/v1/admin/settings", { hide_prompt_enhance: false });
    const enhancers = (await ids()).filter((id) => id.startsWith("prompt-enhance-"));
    assert.equal(enhancers.length, 9);
    await admin.ask("PATCH", "/api/v1/admin/settings", { hide_prompt_enhance: true });
    const listed = ["prompt-enhance-short-10s", "wan-2-landscape-5s", "kling-v4", "veo-3.1", "hailuo"];
    const second = await admin.account(demo, "videos", { models: listed });
    await eventually("the account's model is listed", async () =>
      (await ids()).includes("wan-2-landscape-5s"),
    );
    assert.deepEqual((await ids()).slice(inOrder.length), listed.slice(1).sort(), "hidden, whoever lists it");
    await admin.ask("DELETE", `/api/v1/admin/accounts/${second.id}`);
    await admin.ask("PATCH", "/api/v1/admin/settings", { models: [{ id: "only-one" }] });
    assert.deepEqual(await ids(), ["only-one"]);
    // The built-in list, as the settings tell it, can be kept as one's own and is the same then.
    const { models_built_in } = await admin.ask("GET", "/api/v1/admin/settings");
    await admin.ask("PATCH", "/api/v1/admin/settings", { models: models_built_in });
    assert.deepEqual(await ids(), inOrder);
    await admin.ask("PATCH", "/api/v1/admin/settings", { models: null });
    assert.equal((await ids()).length, builtin.length);
  });

  test("[ST-10] Messages follow Accept-Language, and without it the system's language", async () => {
    const message = async (language?: string) => {
      const headers: Record<string, string> =
        language === undefined ? {} : { "accept-language": language };
      const answer = await send(kinora.url, "GET", "/api/v1/sora/quota", { headers });
      return answer.body.error.message;
    };
    const [zh, en] = ["请先登录", "Sign in first."];
    assert.equal(await message(), zh);
    assert.equal(await message("*"), zh);
    assert.equal(await message("en-GB,en;q=0.9"), en);
    assert.equal(await message("zh-TW"), zh);
    assert.equal(await message("fr, en;q=0.5, zh;q=0.4"), en);
    assert.equal(await message("fr"), zh);
    await admin.ask("PATCH", "/api/v1/admin/settings", { language: "en" });
    assert.equal(await message(), en);
    assert.equal(await message("*"), en);
    assert.equal(await message("zh"), zh);
    await admin.ask("PATCH", "/api/v1/admin/settings", { language: null });
  });
});

describe("Events", () => {
  test("[ST-9] Every state and the progress of one's own jobs arrive, as the record itself, and no one else's", async () => {
    const person = await member();
    await polled();
    const [events, others] = [await Events.open(person), await Events.open(await member())];
    const id = await person.generate("watched");
    await events.until("completed", (e) => e.data.id === id && e.data.status === "completed");
    const seen = events.seen.filter((e) => e.type === "generation" && e.data.id === id);
    const states = [...new Set(seen.map((e) => e.data.status))];
    assert.deepEqual(states.at(-1), "completed");
    assert.ok(states.includes("generating"), states.join());
    const { media_url, media_urls, download_urls, poster_url, ...rest } =
      await person.generation(id);
    for (const [name, value] of Object.entries(rest)) {
      assert.deepEqual(seen.at(-1)!.data[name], value, name);
    }
    const quota = await events.until(
      "the quota",
      (e) => e.type === "quota" && e.data.used_bytes > 0,
    );
    assert.equal(quota.data.used_bytes, rest.file_size_bytes);
    assert.deepEqual(others.seen, []);
    events.close();
    others.close();
  });

  test("[ST-9] A user has sixteen streams at a time; the next is told to ask again, and others are not hindered", async () => {
    const person = await member();
    const open = await Promise.all(Array.from({ length: 16 }, () => Events.open(person)));
    assert.deepEqual([...new Set(open.map((e) => e.status))], [200]);
    const refused = await Promise.all(
      Array.from({ length: 8 }, () => person.call("GET", "/api/v1/sora/events")),
    );
    for (const answer of refused) {
      assertError(answer, 429, "too_many_streams");
      assert.equal(answer.headers.get("retry-after"), "30");
    }
    const other = await Events.open(await member());
    assert.equal(other.status, 200);
    open.pop()!.close();
    open.push(
      await eventually("there is room again", async () => {
        const next = await Events.open(person);
        return next.status === 200 && next;
      }),
    );
    for (const e of [...open, other]) e.close();
  });

  test("[ST-10 ST-8] An open page hears why a job failed in its own language", async () => {
    const person = await member();
    const pages: Events[] = [];
    for (const language of ["zh", "en"]) {
      person.language = language;
      pages.push(await Events.open(person));
    }
    await demo.fault({ prompt: "told twice", job: { fail: "The renderer fell over." } });
    const id = await person.generate("told twice");
    const heard: string[] = [];
    for (const page of pages) {
      const e = await page.until("failed", (e) => e.data.id === id && e.data.status === "failed");
      heard.push(e.data.error_message);
      page.close();
    }
    assert.deepEqual(heard, [
      "上游返回错误：The renderer fell over.",
      "The upstream answered with an error: The renderer fell over.",
    ]);
  });

  test("[ST-9] A deletion and a change of settings arrive in every open page", async () => {
    const person = await member();
    const made = await picture(person);
    const pages = [await Events.open(person), await Events.open(person)];
    await person.ask("DELETE", `/api/v1/sora/generations/${made.id}`);
    await admin.ask("PATCH", "/api/v1/admin/settings", { site_name: "Renamed" });
    for (const page of pages) {
      await page.until("the deletion", (e) => e.data.id === made.id && e.data.deleted === true);
      await page.until("the name", (e) => e.type === "settings" && e.data.site_name === "Renamed");
      page.close();
    }
    await admin.ask("PATCH", "/api/v1/admin/settings", { site_name: null });
  });
});

describe("Files", () => {
  test("[SG-4] A link opens without a session, in parts, under an ETag, and cannot run as a page of ours", async () => {
    const made = await picture(await member());
    const whole = await fetch(made.media_url!);
    const bytes = Buffer.from(await whole.arrayBuffer());
    assert.equal(whole.headers.get("content-type"), "image/png");
    assert.equal(whole.headers.get("accept-ranges"), "bytes");
    assert.match(
      whole.headers.get("content-disposition")!,
      /^inline; filename="kinora-\d+-1\.png"$/,
    );
    assert.equal(whole.headers.get("x-content-type-options"), "nosniff");
    assert.match(whole.headers.get("content-security-policy")!, /sandbox/);
    const part = await fetch(made.media_url!, { headers: { range: "bytes=10-19" } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("content-range"), `bytes 10-19/${bytes.length}`);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20));
    const tail = await fetch(made.media_url!, { headers: { range: "bytes=-5" } });
    assert.deepEqual(Buffer.from(await tail.arrayBuffer()), bytes.subarray(-5));
    const beyond = await fetch(made.media_url!, { headers: { range: `bytes=${bytes.length}-` } });
    assert.equal(beyond.status, 416);
    const etag = whole.headers.get("etag")!;
    const same = await fetch(made.media_url!, { headers: { "if-none-match": etag } });
    assert.equal(same.status, 304);
    const download = await fetch((made.download_urls as string[])[0]);
    assert.match(download.headers.get("content-disposition")!, /^attachment; /);
    const head = await fetch(made.media_url!, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), String(bytes.length));
  });

  test("[SG-4] Links are made afresh at every answer, and one changed in any part is refused", async () => {
    const person = await member();
    const made = await picture(person);
    const again = await person.generation(made.id);
    assert.equal((await fetch(again.media_url!)).status, 200);
    const [, head, token] = /^(.*\/media\/object\/)([^/]+)/.exec(made.media_url!)!;
    const [id, expiry, mac] = token.split(".");
    assert.ok(Number(expiry) * 1000 > Date.now() + 23.5 * 3600000, "it is good for a day");
    const flipped = mac[0] === "A" ? `B${mac.slice(1)}` : `A${mac.slice(1)}`;
    const forged = [
      `${Number(id) + 1}.${expiry}.${mac}`,
      `${id}.${Number(expiry) + 3600}.${mac}`,
      `${id}.${Number(expiry) - 90000}.${mac}`,
      `${id}.${expiry}.${flipped}`,
      `${id}.${expiry}.${mac.slice(0, -1)}`,
      `${id}.${expiry}.`,
      `${id}.${expiry}`,
    ];
    for (const token of forged) {
      const answer = await send(kinora.url, "GET", new URL(`${head}${token}/a.png`).pathname, {
        headers: { "accept-language": "en" },
      });
      assertError(answer, 403, "bad_link");
    }
  });

  test("[SG-5] Without a store the upstream's own link is kept, with the reason and an expiry", async () => {
    const person = await member();
    await admin.ask("PATCH", "/api/v1/admin/settings", { local_storage_enabled: false });
    const g = await person.ended(await person.generate("kept by link", IMAGE));
    await admin.ask("PATCH", "/api/v1/admin/settings", { local_storage_enabled: true });
    assert.deepEqual(
      [g.status, g.storage_type, g.storage_reason],
      ["completed", "upstream", "storage_off"],
    );
    assert.ok(g.expires_at);
    assert.equal(await usedBy(person), 0);
    assert.equal((await fetch(g.media_url!)).status, 200);
  });

  test("[SG-9] A finished work that does not fit is kept as an upstream link with the reason", async () => {
    const person = await member({ sora_storage_quota_bytes: 10 });
    const g = await person.ended(await person.generate("too big", IMAGE));
    assert.deepEqual(
      [g.status, g.storage_type, g.storage_reason],
      ["completed", "upstream", "quota_exceeded"],
    );
    assert.equal(await usedBy(person), 0);
    assert.equal((await fetch(g.media_url!)).status, 200);
  });

  test("[SG-5] A file that breaks on its way is fetched again before anything else is tried", async () => {
    const person = await member();
    await demo.fault({ route: "media", cut: { at: 1000, how: "reset" }, times: 1 });
    const g = await picture(person, "again");
    assert.equal(g.storage_type, "local");
    assert.equal((await demo.state()).routes.media.requests, 2);
  });
});
