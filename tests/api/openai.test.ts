// SPDX-License-Identifier: Apache-2.0
// The OpenAI surface (docs/spec.md, GW-10, GW-11) with the official package, as it comes.
import assert from "node:assert/strict";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI, { toFile } from "openai";
import type { Video } from "openai/resources/videos";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";

const MODEL = "sora2-landscape-10s";
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const FOR_EVER = { job: { duration_ms: 3600000 }, times: 0 };
let demo: Demo;
let kinora: Kinora;
let admin: Person;
let key: string;
let client: OpenAI;
let tasks: number, chats: number;

function clientOf(apiKey: string): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${kinora.url}/v1`, maxRetries: 0 });
}

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  tasks = (await admin.account(demo, "videos")).id;
  chats = (await admin.account(demo, "chat", { status: "disabled" })).id;
  key = await admin.key();
  client = clientOf(key);
});

after(() => stopAll(kinora, demo));

beforeEach(async () => {
  await demo.reset();
  for (const id of [tasks, chats]) await admin.ask("POST", `/api/v1/admin/accounts/${id}/reset`);
});

async function use(account: "tasks" | "chats") {
  const status = (on: boolean) => ({ status: on ? "active" : "disabled" });
  await admin.ask("PATCH", `/api/v1/admin/accounts/${tasks}`, status(account === "tasks"));
  await admin.ask("PATCH", `/api/v1/admin/accounts/${chats}`, status(account === "chats"));
}

function ended(id: string, who = client): Promise<Video> {
  return eventually(`${id} ends`, async () => {
    const video = await who.videos.retrieve(id);
    return ["completed", "failed"].includes(video.status) && video;
  });
}

async function bodies(route: string): Promise<string[]> {
  return (await demo.requests(route)).map((r) => Buffer.from(r.body.base64!, "base64").toString());
}

function rejects(promise: Promise<unknown>, kind: any, more: Record<string, unknown>) {
  return assert.rejects(promise, (e: any) => {
    assert.ok(e instanceof kind, `${e.constructor.name}: ${e.message}`);
    for (const [name, value] of Object.entries(more)) assert.equal(e[name], value, e.message);
    return true;
  });
}

describe("Videos", () => {
  test("[GW-10] A video is created, polled, listed, downloaded and deleted", async () => {
    const made = await client.videos.create({ model: MODEL, prompt: "a boat", seconds: "8" });
    assert.match(made.id, /^video_[\w-]{24}$/);
    assert.equal(made.object, "video");
    assert.deepEqual(
      [made.model, made.prompt, made.seconds, made.size, made.error, made.remixed_from_video_id],
      [MODEL, "a boat", "8", "1280x720", null, null],
    );
    // Answered once the upstream has it, and not when it is done.
    const [task] = await demo.jobs();
    assert.ok(task);
    assert.ok(["queued", "in_progress"].includes(made.status));
    const video = await ended(made.id);
    assert.equal(video.status, "completed");
    assert.equal(video.progress, 100);
    assert.ok(video.completed_at! >= video.created_at);
    assert.equal(video.expires_at, video.completed_at! + 24 * 3600);
    const content = await client.videos.downloadContent(made.id);
    assert.equal(content.headers.get("content-type"), "video/mp4");
    const bytes = Buffer.from(await content.arrayBuffer());
    assert.equal(bytes.subarray(4, 8).toString(), "ftyp");
    const part = await client.videos.downloadContent(
      made.id,
      {},
      { headers: { range: "bytes=4-7" } },
    );
    assert.deepEqual([part.status, await part.text()], [206, "ftyp"]);
    const picture = await client.videos.downloadContent(made.id, { variant: "thumbnail" });
    assert.equal(picture.headers.get("content-type"), "image/webp");
    await picture.arrayBuffer();
    const gone = await client.videos.delete(made.id);
    assert.deepEqual(gone, { id: made.id, object: "video.deleted", deleted: true });
    await rejects(client.videos.retrieve(made.id), OpenAI.NotFoundError, {
      code: "video_not_found",
    });
  });

  test("[GW-10] Every answer of it is shaped as OpenAI's", async () => {
    const made = await client.videos.create({ model: MODEL, prompt: "shape" });
    const members = [
      ...["completed_at", "created_at", "error", "expires_at", "id", "model", "object", "progress"],
      ...["prompt", "remixed_from_video_id", "seconds", "size", "status"],
    ];
    for (const video of [made, await ended(made.id)]) {
      assert.deepEqual(Object.keys(video).sort(), members);
      assert.equal(typeof video.seconds, "string");
    }
  });

  test("[GW-10] Without a key, or with a wrong one, nothing is answered", async () => {
    await rejects(clientOf("sk-wrong").videos.list(), OpenAI.AuthenticationError, {
      code: "invalid_api_key",
      type: "authentication_error",
    });
    const bare = await fetch(`${kinora.url}/v1/videos`, { method: "POST", body: "{}" });
    assert.equal(bare.status, 401);
    assert.ok(bare.headers.get("x-request-id"));
  });

  test("[GW-10] JSON and forms mean the same; further fields are passed on", async () => {
    const form = { model: MODEL, prompt: "both", size: "1280x720", seconds: "4", seed: 7 };
    const answer = await fetch(`${kinora.url}/v1/videos`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(form),
    });
    assert.equal(answer.status, 200);
    await client.videos.create(form as never);
    const [one, other] = (await bodies("videos.create")).map((b) => b.replace(/--kinora\w+/g, "--"));
    assert.equal(one, other);
    assert.match(one, /name="seed"\r\n\r\n7\r\n/);
  });

  test("[GW-10] A picture goes along as a file, an address or a data URL, and is not kept", async () => {
    const file = await toFile(PNG, "boat.png", { type: "image/png" });
    const url = `data:image/png;base64,${PNG.toString("base64")}`;
    const made = [
      await client.videos.create({ model: MODEL, prompt: "file", input_reference: file }),
      await client.videos.create({
        model: MODEL,
        prompt: "data",
        input_reference: { image_url: url },
      }),
    ];
    for (const { body } of await demo.requests("videos.create"))
      assert.ok(Buffer.from(body.base64!, "base64").includes(PNG));
    const rows = new Rows(kinora);
    const inputs = "SELECT COUNT(*) AS n FROM objects WHERE key LIKE 'inputs/%'";
    assert.equal(Number(rows.one(inputs).n), 0);
    for (const { id } of made) await ended(id);
    const far = { image_url: "http://example.org/boat.png" };
    await client.videos.create({ model: MODEL, prompt: "address", input_reference: far });
    assert.match((await bodies("videos.create")).at(-1)!, /boat\.png/);
  });

  test("[GW-10] What is malformed is a BadRequestError that names the field", async () => {
    const bad: [Record<string, unknown>, string][] = [
      [{ prompt: "" }, "prompt"],
      [{ seconds: "soon" }, "seconds"],
      [{ size: "big" }, "size"],
      [{ n: 2 }, "n"],
      [{ input_reference: { file_id: "file-1" } }, "input_reference"],
      [{ input_reference: await toFile(Buffer.from("text"), "x.png") }, "input_reference"],
      [{ input_reference: { image_url: "http://x/\r\n--part" } }, "input_reference"],
      [{ input_reference: { image_url: `http://x/${"a".repeat(8192)}` } }, "input_reference"],
      [{ model: "gpt-image" }, "model"],
    ];
    for (const [more, param] of bad) {
      const form = { model: MODEL, prompt: "bad", ...more };
      await rejects(client.videos.create(form as never), OpenAI.BadRequestError, {
        param,
        type: "invalid_request_error",
      });
    }
    assert.equal((await demo.requests("videos.create")).length, 0);
  });

  test("[GW-10] A form that says a thing twice is refused, as JSON is", async () => {
    for (const name of ["model", "prompt", "seconds", "size", "n"]) {
      const form = new FormData();
      for (const [field, value] of Object.entries({ model: MODEL, prompt: "twice", seconds: "8", size: "1280x720", n: "1" }))
        form.append(field, value);
      form.append(name, form.get(name)!);
      const headers = { authorization: `Bearer ${key}` };
      const answer = await fetch(`${kinora.url}/v1/videos`, { method: "POST", headers, body: form });
      const { error } = await answer.json();
      assert.deepEqual([answer.status, error.code, error.param], [400, "invalid_field", name]);
    }
    assert.equal((await demo.requests("videos.create")).length, 0);
  });

  test("[GW-10] What the upstream refuses becomes the package's own error classes", async () => {
    const create = () => client.videos.create({ model: MODEL, prompt: "refused" });
    await demo.fault({ route: "videos.create", status: 400, error: { message: "no such size" } });
    await rejects(create(), OpenAI.BadRequestError, { code: "request_refused" });
    await demo.fault({
      route: "videos.create",
      status: 400,
      error: { message: "no", code: "moderation_blocked" },
    });
    await rejects(create(), OpenAI.BadRequestError, { code: "content_policy" });
    await demo.fault({ route: "videos.create", status: 500, times: 4 });
    await rejects(create(), OpenAI.InternalServerError, { status: 502 });
    await admin.ask("POST", `/api/v1/admin/accounts/${tasks}/reset`);
    const model = "nobody-makes-this";
    await admin.ask("PATCH", `/api/v1/admin/accounts/${tasks}`, { models: [MODEL] });
    await rejects(client.videos.create({ model, prompt: "x" }), OpenAI.InternalServerError, {
      status: 503,
      code: "model_not_served",
    });
    await admin.ask("PATCH", `/api/v1/admin/accounts/${tasks}`, { models: [] });
  });

  test("[GW-10, ST-3] What may have been paid for is not asked for again by the package", async () => {
    await demo.fault({ route: "videos.create", cut: { at: 0, how: "reset" }, times: 0 });
    const patient = new OpenAI({ apiKey: key, baseURL: `${kinora.url}/v1` });
    const once = patient.videos.create({ model: MODEL, prompt: "once" });
    await rejects(once, OpenAI.InternalServerError, { code: "submission_unknown" });
    assert.equal((await demo.requests("videos.create")).length, 1);
  });

  test("[GW-10] A video that fails upstream is a failed video, with why", async () => {
    await demo.fault({ route: "videos.create", job: { refuse: true } });
    const made = await client.videos.create({ model: MODEL, prompt: "forbidden" });
    const video = await ended(made.id);
    assert.equal(video.status, "failed");
    assert.equal(video.error!.code, "content_policy");
    assert.ok(video.error!.message.length > 10);
    await rejects(client.videos.downloadContent(made.id), OpenAI.UnprocessableEntityError, {
      code: "video_failed",
    });
  });

  test("[GW-10] Before it is done its content is 404", async () => {
    await demo.fault({ route: "videos.create", ...FOR_EVER });
    const made = await client.videos.create({ model: MODEL, prompt: "slow" });
    await rejects(client.videos.downloadContent(made.id), OpenAI.NotFoundError, {
      code: "video_not_ready",
    });
  });

  test("[GW-10] The list goes both ways, page by page, and is its user's own", async () => {
    const person = await admin.member("pages@example.org");
    const own = clientOf(await person.key());
    const ids: string[] = [];
    for (const prompt of ["one", "two", "three", "four", "five"])
      ids.push((await own.videos.create({ model: MODEL, prompt })).id);
    const newest = await own.videos.list({ limit: 2 });
    assert.deepEqual(
      newest.data.map((v) => v.id),
      [ids[4], ids[3]],
    );
    const raw = newest as unknown as { first_id: string; last_id: string; has_more: boolean };
    assert.deepEqual([raw.last_id, raw.has_more], [ids[3], true]);
    const all: string[] = [];
    for await (const video of own.videos.list({ limit: 2, order: "asc" })) all.push(video.id);
    assert.deepEqual(all, ids);
    await rejects(own.videos.list({ limit: 101 }), OpenAI.BadRequestError, { param: "limit" });
    await rejects(client.videos.retrieve(ids[0]), OpenAI.NotFoundError, {});
    await rejects(client.videos.downloadContent(ids[0]), OpenAI.NotFoundError, {});
    await rejects(client.videos.delete(ids[0]), OpenAI.NotFoundError, {});
    await rejects(client.videos.remix(ids[0], { prompt: "mine" }), OpenAI.NotFoundError, {});
    assert.ok(!(await client.videos.list({ limit: 100 })).data.some((v) => ids.includes(v.id)));
  });

  test("[GW-10] A list of long prompts comes in pages of a bounded length", async () => {
    const person = await admin.member("wordy@example.org");
    const own = clientOf(await person.key());
    const { id } = await own.videos.create({ model: MODEL, prompt: "\u0001".repeat(32000) });
    const same = `kind, user_id, api_key_id, group_id, model, request, next_at, pending_until,
      deadline_at, created_at`;
    new Rows(kinora).change(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
      INSERT INTO jobs (public_id, idempotency_key, ${same}, state, result)
      SELECT 'video_' || i, i, ${same}, 'ended', '{}' FROM jobs, n WHERE public_id = '${id}'`);
    await own.videos.delete(id);
    let pages = 0, completed = 0;
    for await (const { data } of (await own.videos.list({ limit: 100 })).iterPages()) {
      pages++;
      completed += data.filter((video) => video.status === "completed").length;
    }
    assert.equal(completed, 99);
    assert.ok(pages > 1);
  });

  test("[GW-10] Deleting a running video cancels it upstream", async () => {
    await demo.fault({ route: "videos.create", ...FOR_EVER });
    const made = await client.videos.create({ model: MODEL, prompt: "unwanted" });
    await client.videos.delete(made.id);
    await demo.until((s) => s.jobs.cancelled === 1);
    await rejects(client.videos.retrieve(made.id), OpenAI.NotFoundError, {});
  });

  test("[GW-10] A remix goes to the account that has the work", async () => {
    const second = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
    try {
      const { id } = await admin.account(second, "videos", { priority: 1, status: "disabled" });
      const made = await client.videos.create({ model: MODEL, prompt: "a boat", seconds: "8" });
      await ended(made.id);
      await admin.ask("PATCH", `/api/v1/admin/accounts/${id}`, { status: "active" });
      const other = await client.videos.remix(made.id, { prompt: "a red boat" });
      assert.equal(other.remixed_from_video_id, made.id);
      assert.deepEqual([other.prompt, other.seconds], ["a red boat", "8"]);
      assert.equal((await ended(other.id)).status, "completed");
      assert.equal((await second.requests("videos.create")).length, 0);
      const [first] = await demo.jobs();
      const asked = (await demo.requests("videos.create")).at(-1)!;
      assert.equal(asked.target, `/v1/videos/${first.id}/remix`);
      await admin.ask("DELETE", `/api/v1/admin/accounts/${id}`);
    } finally {
      await second.stop();
    }
  });

  test("[GW-10] [GW-9] Accounts of the chat dialect serve videos too", async () => {
    await use("chats");
    try {
      const made = await client.videos.create({ model: MODEL, prompt: "by chat" });
      const video = await ended(made.id);
      assert.equal(video.status, "completed");
      const content = await client.videos.downloadContent(made.id);
      assert.equal(
        Buffer.from(await content.arrayBuffer())
          .subarray(4, 8)
          .toString(),
        "ftyp",
      );
      await rejects(client.videos.remix(made.id, { prompt: "again" }), OpenAI.BadRequestError, {
        code: "not_in_dialect",
      });
      const other = { model: MODEL, prompt: "other", seconds: "4" } as const;
      await rejects(client.videos.create(other), OpenAI.BadRequestError, {
        code: "seconds_not_offered",
      });
    } finally {
      await use("tasks");
    }
  });
});

describe("Images", () => {
  async function bytesOf(item: OpenAI.Image): Promise<Buffer> {
    if (item.b64_json) return Buffer.from(item.b64_json, "base64");
    const answer = await fetch(item.url!);
    assert.equal(answer.status, 200);
    return Buffer.from(await answer.arrayBuffer());
  }

  function assertPng(bytes: Buffer) {
    assert.equal(bytes.subarray(1, 4).toString(), "PNG");
    assert.equal(bytes.subarray(-8, -4).toString(), "IEND");
  }

  for (const account of ["tasks", "chats"] as const)
    test(`[GW-10] [AC-4] [GW-9] Generated as bytes and as addresses, by accounts of ${account}`, async () => {
      await use(account);
      try {
        for (const response_format of ["b64_json", "url"] as const) {
          const answer = await client.images.generate({
            model: "gpt-image",
            prompt: "a boat",
            n: 2,
            response_format,
          });
          assert.equal(answer.data!.length, 2);
          assert.ok(answer.created > 1.7e9);
          for (const item of answer.data!) {
            assert.deepEqual(Object.keys(item), [response_format]);
            assertPng(await bytesOf(item));
          }
        }
      } finally {
        await use("tasks");
      }
    });

  test("[GW-10] Without a response_format GPT Image models give bytes, others addresses", async () => {
    const bytes = await client.images.generate({ model: "gpt-image", prompt: "usual" });
    assert.ok(bytes.data![0].b64_json);
    const other = await client.images.generate({ model: "wan-image", prompt: "usual" });
    assertPng(await bytesOf(other.data![0]));
    assert.ok(other.data![0].url);
  });

  test("[ST-3] A picture that the disk does not take now is kept as soon as it does", async () => {
    const folder = join(kinora.data, "media", "results"), aside = join(kinora.data, "aside");
    const had = existsSync(folder);
    if (had) renameSync(folder, aside);
    writeFileSync(folder, "in the way");
    const told = "a result cannot be kept yet", before = kinora.log.split(told).length;
    const made = client.images.generate({ model: "gpt-image", prompt: "late" });
    made.catch(() => {});
    await eventually("a try", async () => kinora.log.split(told).length > before);
    rmSync(folder);
    if (had) renameSync(aside, folder);
    assertPng(await bytesOf((await made).data![0]));
  });

  test("[GW-10] An edit carries the picture, and it is not kept", async () => {
    const image = await toFile(PNG, "boat.png", { type: "image/png" });
    const answer = await client.images.edit({ model: "gpt-image", prompt: "red", image });
    assertPng(await bytesOf(answer.data![0]));
    const [asked] = await demo.requests("images");
    assert.equal(asked.target, "/v1/images/edits");
    assert.ok(Buffer.from(asked.body.base64!, "base64").includes(PNG));
    const inputs = "SELECT COUNT(*) AS n FROM objects WHERE key LIKE 'inputs/%'";
    assert.equal(Number(new Rows(kinora).one(inputs).n), 0);
  });

  // A picture of so many bytes: what stands behind its end is nobody's.
  const picture = (bytes: number) => Buffer.concat([PNG, Buffer.alloc(bytes - PNG.length, "k")]);

  async function inputs(): Promise<number> {
    const sql = "SELECT COUNT(*) AS n FROM objects WHERE key LIKE 'inputs/%'";
    return Number(new Rows(kinora).one(sql).n);
  }

  test("[GW-10] [GW-13] An edit carries several pictures and a mask, and none is kept", async () => {
    const name = { type: "image/png" };
    const image = [await toFile(picture(200), "a.png", name), await toFile(picture(300), "b.png", name)];
    const mask = await toFile(picture(400), "m.png", name);
    const url = `data:image/png;base64,${picture(500).toString("base64")}`;
    await client.images.edit({ model: "gpt-image", prompt: "as files", image, mask });
    const form = { model: "gpt-image", prompt: "as JSON", mask: { image_url: url } };
    const images = [{ image_url: "http://example.org/far.png" }, { image_url: url }];
    await client.post("/images/edits", { body: { ...form, images } });
    const [files, json] = await bodies("images");
    assert.equal(files.split('name="image[]"; filename=').length, 3);
    assert.equal(files.split('name="mask"; filename=').length, 2);
    for (const bytes of [200, 300, 400])
      assert.match(files, new RegExp(`[^k]k{${bytes - PNG.length}}\\r\\n`));
    assert.match(json, /name="url\[\]"\r\n\r\nhttp:\/\/example\.org\/far\.png\r\n/);
    assert.equal(json.split('name="image[]"; filename=').length, 2);
    assert.equal(json.split('name="mask"; filename=').length, 2);
    assert.equal(await inputs(), 0);
  });

  test("[GW-13] [GW-10] A body of 32 MiB goes through", async () => {
    const url = `data:image/png;base64,${picture(12 << 20).toString("base64")}`;
    const images = [{ image_url: url }, { image_url: url }];
    await client.post("/images/edits", { body: { model: "gpt-image", prompt: "large", images } });
    const [{ body }] = await demo.requests("images");
    assert.equal(body.bytes >> 20, 24);
    assert.equal(await inputs(), 0);
  });

  test("[GW-10] What is too much, and what an account cannot say, is told and not kept", async () => {
    const edit = (more: object) =>
      client.post("/images/edits", { body: { model: "gpt-image", prompt: "bad", ...more } });
    const far = { image_url: "http://example.org/far.png" };
    await rejects(edit({ images: Array(17).fill(far) }), OpenAI.BadRequestError, { param: "image" });
    const image = [];
    for (let i = 0; i < 4; i++) image.push(await toFile(picture(17 << 20), `${i}.png`));
    const large = client.images.edit({ model: "gpt-image", prompt: "bad", image });
    await rejects(large, OpenAI.APIError, { status: 413, code: "image_too_large" });
    await rejects(edit({ images: [far], mask: [far, far] }), OpenAI.BadRequestError, { param: "mask" });
    await use("chats");
    try {
      const small = { image_url: `data:image/png;base64,${PNG.toString("base64")}` };
      await rejects(edit({ images: [small, small] }), OpenAI.BadRequestError, {
        code: "takes_one_image",
      });
      await rejects(edit({ images: [small], mask: small }), OpenAI.BadRequestError, {
        code: "takes_no_mask",
      });
    } finally {
      await use("tasks");
    }
    assert.equal(await inputs(), 0);
    assert.equal((await demo.requests("images")).length, 0);
  });

  test("[GW-10] Who shuts their side of the connection waits for no picture", async () => {
    await demo.fault({ route: "images", hold: true });
    const { hostname, port } = new URL(kinora.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const body = JSON.stringify({ model: "gpt-image", prompt: "given up" });
    const head = [
      "POST /v1/images/generations HTTP/1.1",
      `Host: ${hostname}`,
      `Authorization: Bearer ${key}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
    ];
    socket.resume();
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
    await eventually("the upstream is asked", async () => (await demo.state()).open.held === 1);
    await eventually("the connection is closed", async () => socket.closed);
  });

  test("[GW-10] What cannot be is a BadRequestError; a refused prompt too", async () => {
    const generate = (more: object) =>
      client.images.generate({ model: "gpt-image", prompt: "bad", ...more } as never);
    await rejects(generate({ n: 11 }), OpenAI.BadRequestError, { param: "n" });
    await rejects(generate({ response_format: "svg" }), OpenAI.BadRequestError, {
      param: "response_format",
    });
    await rejects(generate({ stream: true }) as never, OpenAI.BadRequestError, { param: "stream" });
    await demo.fault({ route: "images", job: { refuse: true } });
    await rejects(generate({}), OpenAI.BadRequestError, { code: "content_policy" });
  });

  test("[AC-4] [ST-2] In the studio, images of a videos account are stored as works", async () => {
    const id = await admin.generate("a boat", { model: "gpt-image", media_type: "image" });
    const work = await admin.ended(id);
    assert.equal(work.status, "completed", JSON.stringify(work));
    assert.equal(work.storage_type, "local");
    assertPng(Buffer.from(await (await fetch(work.media_url!)).arrayBuffer()));
  });
});

describe("Once", () => {
  const once = (idempotencyKey: string) => ({ headers: { "Idempotency-Key": idempotencyKey } });

  test("[GW-11] A hundred equal calls at once make one video, also as forms", async () => {
    const file = await toFile(PNG, "boat.png", { type: "image/png" });
    const form = { model: MODEL, prompt: "rush", input_reference: file };
    const all = await Promise.all(
      Array.from({ length: 100 }, () => client.videos.create(form, once("rush-1"))),
    );
    assert.equal(new Set(all.map((v) => v.id)).size, 1);
    assert.equal((await demo.state()).submissions.received, 1);
    await rejects(
      client.videos.create({ ...form, prompt: "other" }, once("rush-1")),
      OpenAI.UnprocessableEntityError,
      { code: "idempotency_mismatch" },
    );
  });

  test("[GW-11] Equal image calls are one job, and its bytes are given again", async () => {
    const form = { model: "gpt-image", prompt: "again" };
    const [one, two] = await Promise.all([
      client.images.generate(form, once("image-1")),
      client.images.generate(form, once("image-1")),
    ]);
    const later = await client.images.generate(form, once("image-1"));
    assert.equal(one.data![0].b64_json, two.data![0].b64_json);
    assert.equal(one.data![0].b64_json, later.data![0].b64_json);
    assert.equal((await demo.state()).submissions.received, 1);
  });

  test("[GW-11] [GW-6] A call that no upstream has had is made anew under its key", async () => {
    const serve = (models: string[]) =>
      admin.ask("PATCH", `/api/v1/admin/accounts/${tasks}`, { models });
    const create = () => client.videos.create({ model: MODEL, prompt: "later" }, once("later"));
    await serve(["another"]);
    await rejects(create(), OpenAI.InternalServerError, { code: "model_not_served" });
    await serve([]);
    const all = await Promise.all(Array.from({ length: 20 }, create));
    assert.equal(new Set(all.map((v) => v.id)).size, 1);
    assert.equal((await demo.state()).submissions.received, 1);
  });

  test("[GW-11] [GW-10] [ST-3] A killed server goes on with its videos, and the key with it", async () => {
    await demo.fault({ route: "videos.create", job: { stick_at: 40 } });
    const form = { model: MODEL, prompt: "survivor" };
    const first = await client.videos.create(form, once("survivor"));
    await kinora.kill();
    await kinora.launch();
    const again = await client.videos.create(form, once("survivor"));
    assert.equal(again.id, first.id);
    const [task] = await demo.jobs();
    await demo.steer(task.id, { finish: true });
    assert.equal((await ended(first.id)).status, "completed");
    const content = await client.videos.downloadContent(first.id);
    assert.ok((await content.arrayBuffer()).byteLength > 1000);
    assert.equal((await demo.state()).submissions.received, 1);
  });
});
