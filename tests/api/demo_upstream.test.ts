// SPDX-License-Identifier: Apache-2.0
// The demo upstream against others' words: the official client reads what it says, and the
// documented answers of other servers have the members that its own answers have.
//
// No title names an id of docs/spec.md: nothing here proves anything of Kinora itself.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI, { APIError, toFile } from "openai";
import { Demo } from "../lib/demo.ts";

const FIXTURES = new URL("../fixtures/upstreams/", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "kinora-demo-test-"));
let demo: Demo;
let client: OpenAI;

interface Answer {
  name: string;
  request: string;
  status: number;
  body: Record<string, unknown>;
  reads: Record<string, unknown>;
}

function fixture(name: string): Answer[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FIXTURES), "utf8")).answers;
}

function answerOf(name: string, answer: string): Answer {
  return fixture(name).find((a) => a.name === answer)!;
}

// What ffprobe says of some media, as one line.
function probe(bytes: ArrayBuffer | Buffer, suffix: string): string {
  const path = join(folder, `probe${suffix}`);
  writeFileSync(path, Buffer.from(bytes as ArrayBuffer));
  const entries = "stream=codec_name,width,height,pix_fmt:format=duration";
  const args = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", path];
  return execFileSync("ffprobe", args, { encoding: "utf8" }).trim().replaceAll("\n", " ");
}

async function finished(id: string): Promise<OpenAI.Video> {
  for (;;) {
    const video = await client.videos.retrieve(id);
    if (video.status === "completed" || video.status === "failed") return video;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function chat(prompt: string, extra: Record<string, unknown> = {}, model = "gpt-image") {
  return client.chat.completions.create({
    model,
    messages: [{ role: "user", content: prompt }],
    ...extra,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);
}

async function rejection(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => assert.fail("it was answered"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof APIError, String(error));
  return error;
}

before(async () => {
  demo = await Demo.start("--speed", "20", "--data", folder);
  client = new OpenAI({ baseURL: `${demo.url}/v1`, apiKey: "sk-test", maxRetries: 0 });
});
beforeEach(() => demo.reset());
after(async () => {
  await demo.stop();
  rmSync(folder, { recursive: true });
});

describe("videos dialect", () => {
  test("the openai package makes, follows, downloads and deletes a video", async () => {
    const made = await client.videos.create({
      model: "sora2-portrait-10s" as OpenAI.VideoModel,
      prompt: "A paper boat 纸船: it's 100% \\ 'quoted' [neon]; %{pts}",
    });
    assert.equal(made.status, "queued");
    const video = await finished(made.id);
    assert.equal(video.status, "completed");
    assert.equal(video.progress, 100);
    assert.equal(video.seconds, "10");
    assert.equal(video.size, "720x1280");
    assert.ok(video.completed_at! >= video.created_at && video.expires_at! > video.completed_at!);

    const content = await client.videos.downloadContent(made.id);
    assert.equal(content.headers.get("content-type"), "video/mp4");
    const bytes = Buffer.from(await content.arrayBuffer());
    assert.equal(probe(bytes, ".mp4"), "h264,720,1280,yuv420p 10.000000");
    assert.ok(bytes.indexOf("moov") < bytes.indexOf("mdat"), "the index stands in front");

    const thumbnail = await client.videos.downloadContent(made.id, { variant: "thumbnail" });
    assert.match(probe(await thumbnail.arrayBuffer(), ".webp"), /^webp,720,1280,/);

    assert.deepEqual(await client.videos.delete(made.id), {
      id: made.id,
      object: "video.deleted",
      deleted: true,
    });
    assert.equal((await rejection(client.videos.retrieve(made.id))).status, 404);
  });

  test("a form with input_reference is read as well as JSON", async () => {
    const made = await client.videos.create({
      prompt: "from a picture",
      model: "sora-2",
      seconds: "4",
      size: "1280x720",
      input_reference: await toFile(Buffer.from("not looked into"), "in.png", { type: "image/png" }),
    });
    const [job] = await demo.jobs();
    assert.equal(made.seconds, "4");
    assert.deepEqual(
      [job.prompt, job.input_images, job.width, job.height, job.seconds],
      ["from a picture", 1, 1280, 720, 4],
    );
  });

  test("the list is paged as the openai package reads it, and a remix names its source", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      ids.unshift((await client.videos.create({ prompt: `number ${i}` })).id);
    }
    const seen: string[] = [];
    for await (const video of client.videos.list({ limit: 2 })) seen.push(video.id);
    assert.deepEqual(seen, ids);
    const ascending = await client.videos.list({ order: "asc", after: ids[2] });
    assert.deepEqual(ascending.data.map((v) => v.id), [ids[1], ids[0]]);

    const remix = await client.videos.remix(ids[0], { prompt: "again, at night" });
    assert.equal(remix.remixed_from_video_id, ids[0]);
    assert.equal((await rejection(client.videos.remix("video_none", { prompt: "x" }))).status, 404);
  });

  test("content answers 404 before the end and 422 after a failure", async () => {
    await demo.fault({ route: "videos.create", skip: 1, job: { fail: { code: 7, message: "no" } } });
    const slow = await client.videos.create({ prompt: "slow" });
    assert.equal((await rejection(client.videos.downloadContent(slow.id))).status, 404);
    const bad = await finished((await client.videos.create({ prompt: "bad" })).id);
    assert.deepEqual(bad.error, { code: 7, message: "no" });
    assert.equal((await rejection(client.videos.downloadContent(bad.id))).status, 422);
  });
});

describe("images", () => {
  test("the openai package gets PNG images of the size asked for, as base 64 or as links", async () => {
    const image = await client.images.generate({
      model: "gpt-image-landscape",
      prompt: "A quiet harbour",
      n: 2,
    });
    assert.equal(image.data!.length, 2);
    const bytes = image.data!.map((d) => Buffer.from(d.b64_json!, "base64"));
    assert.match(probe(bytes[0], ".png"), /^png,1536,1024,rgb24/);
    assert.ok(!bytes[0].equals(bytes[1]), "two images are two pictures");

    const linked = await client.images.generate({ prompt: "x", size: "256x256", response_format: "url" });
    const answer = await fetch(linked.data![0].url!);
    assert.match(probe(await answer.arrayBuffer(), ".png"), /^png,256,256,/);
  });

  test("an edit takes a form with a picture", async () => {
    const picture = await toFile(Buffer.from("picture"), "in.png", { type: "image/png" });
    const edited = await client.images.edit({ model: "gpt-image", image: picture, prompt: "warmer" });
    assert.ok(edited.data![0].b64_json);
    assert.equal((await demo.jobs())[0].input_images, 1);
  });
});

describe("chat dialect", () => {
  test("a stream tells role, progress, one content with its links, the finish and [DONE]", async () => {
    const stream = await client.chat.completions.create({
      model: "sora2-landscape-10s",
      messages: [{ role: "user", content: "A paper boat" }],
      stream: true,
    });
    const deltas: Record<string, any>[] = [];
    let reason: string | null = null;
    for await (const chunk of stream) {
      deltas.push(chunk.choices[0].delta);
      reason = chunk.choices[0].finish_reason;
    }
    assert.equal(deltas[0].role, "assistant");
    assert.equal(reason, "stop");
    const percents = deltas
      .map((d) => /^Progress (\d+)%/.exec(d.reasoning_content ?? "")?.[1])
      .filter((p) => p !== undefined)
      .map(Number);
    assert.ok(percents.length > 3);
    assert.deepEqual(percents, [...percents].sort((a, b) => a - b), "progress never goes back");
    const content = deltas.filter((d) => d.content);
    assert.equal(content.length, 1);
    assert.match(content[0].content, /^```html\n<video src='http:[^']+' controls><\/video>\n```$/);
    assert.deepEqual(content[0].media_urls, [content[0].media_url]);
    const media = await fetch(content[0].media_url);
    assert.equal(probe(await media.arrayBuffer(), ".mp4"), "h264,1280,720,yuv420p 10.000000");
  });

  test("without a stream one completion carries the same, for as many images as asked", async () => {
    const answer: any = await chat("Corgi", { video_count: 2 });
    assert.match(answer.choices[0].message.content, /^!\[image\]\(.+\)\n!\[image\]\(.+\)$/);
    assert.equal(answer.media_urls.length, 2);
    assert.equal(answer.media_url, answer.media_urls[0]);
    assert.deepEqual(answer.choices[0].message.media_urls, answer.media_urls);
  });

  test("links of the other kinds open only with the key", async () => {
    for (const links of ["tmp", "static", "absolute-tmp"]) {
      await demo.settings({ links });
      const { media_url }: any = await chat("Corgi");
      const url = new URL(media_url, demo.url);
      assert.equal((await fetch(url)).status, 401);
      const headers = { authorization: "Bearer sk-test", range: "bytes=0-7" };
      const answer = await fetch(url, { headers });
      assert.equal(answer.status, 206);
      assert.equal((await answer.bytes()).length, 8);
    }
  });

  test("what came in and what went out is kept byte for byte", async () => {
    const body = '{ "model":"gpt-image" ,"messages":[{"role":"user","content":"\\u4f60好"}]}';
    const answer = await fetch(`${demo.url}/sora/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer sk-test", "idempotency-key": "once" },
      body,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    await demo.until((s) => s.routes.chat.answered === 1);
    const [seen] = await demo.requests("chat");
    assert.equal(Buffer.from(seen.body.base64!, "base64").toString(), body);
    assert.equal(seen.body.sha256, createHash("sha256").update(body).digest("hex"));
    assert.ok(Buffer.from(seen.answer.base64!, "base64").equals(bytes));
    assert.equal(seen.answer.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(seen.answer.end, "complete");
    const { submissions } = await demo.state();
    assert.deepEqual(submissions.by_key, [{ key: "once", received: 1, accepted: 1 }]);
    assert.deepEqual(submissions.by_prompt, [{ prompt: "你好", received: 1, accepted: 1 }]);
  });
});

describe("failing on command", () => {
  test("a status, its headers and the number of times are as the rule says", async () => {
    await demo.fault({ route: "chat", status: 429, headers: { "Retry-After": "7" }, times: 2 });
    for (let i = 0; i < 2; i++) {
      const error = await rejection(chat("x"));
      assert.equal(error.status, 429);
      assert.equal(error.code, "rate_limit_exceeded");
      assert.equal(error.headers!.get("retry-after"), "7");
    }
    await chat("x");
    const state = await demo.state();
    assert.equal(state.faults[0].left, 0);
    assert.equal(state.submissions.accepted, 1);
  });

  test("one key can be out of order while another works", async () => {
    await demo.fault({ key: "sk-bad", status: 401, times: 0 });
    assert.equal((await rejection(client.withOptions({ apiKey: "sk-bad" }).models.list())).status, 401);
    assert.ok((await client.models.list()).data.length > 20);
  });

  test("an HTML page and broken JSON reach the client as such", async () => {
    await demo.fault({ route: "models", html: true }, { route: "models", malformed: "json" });
    assert.match((await rejection(client.models.list())).message, /502/);
    await assert.rejects(client.models.list().asResponse().then((r) => r.json()), SyntaxError);
  });

  test("an answer that never comes leaves the job running", async () => {
    await demo.fault({ name: "h", route: "videos.create", hold: true });
    await assert.rejects(client.videos.create({ prompt: "lost" }, { timeout: 200 }));
    const state = await demo.until((s) => s.jobs.completed === 1);
    assert.equal(state.routes["videos.create"].left, 1);
    assert.equal(state.submissions.by_prompt[0].accepted, 1);
  });

  test("a held answer goes on when it is released", async () => {
    await demo.fault({ name: "h", route: "videos.create", hold: true });
    const made = client.videos.create({ prompt: "held" });
    await demo.until((s) => s.open.held === 1);
    assert.deepEqual(await demo.release("h"), { released: 1 });
    assert.ok((await made).id);
  });

  test("cuts fall where they are told: before the body, before the head, after N bytes", async () => {
    const cuts = [
      { at: "before_body" },
      { at: "before_head", how: "reset" },
      { at: 100 },
      { at: 100, how: "reset" },
    ];
    for (const cut of cuts) {
      await demo.reset();
      await demo.fault({ route: "chat", cut });
      await assert.rejects(chat("x").then(() => undefined));
      await demo.until((s) => s.open.requests === 0);
      const [seen] = await demo.requests("chat");
      assert.equal(seen.answer.end, "cut");
      assert.equal(seen.answer.bytes, typeof cut.at === "number" ? cut.at : 0);
      assert.equal((await demo.jobs()).length, cut.at === "before_body" ? 0 : 1);
    }
  });

  test("a client that leaves ends a chat job", async () => {
    const stop = new AbortController();
    const stream = await client.chat.completions.create(
      { model: "sora2-landscape-10s", messages: [{ role: "user", content: "x" }], stream: true },
      { signal: stop.signal },
    );
    for await (const _ of stream) break;
    stop.abort();
    const state = await demo.until((s) => s.jobs.cancelled === 1);
    assert.equal(state.routes.chat.left, 1);
    assert.equal(state.open.streams, 0);
  });

  test("a truncated file looks whole, a wrong length does not", async () => {
    const { media_url }: any = await chat("Corgi");
    const whole = await (await fetch(media_url)).bytes();
    await demo.fault({ route: "media", truncate: 1000 }, { route: "media", length_delta: 9 });
    assert.deepEqual(await (await fetch(media_url)).bytes(), whole.subarray(0, 1000));
    await assert.rejects(fetch(media_url).then((r) => r.bytes()));
  });

  test("links expire as told", async () => {
    await demo.fault({ route: "chat", job: { link_ttl_ms: 0, link_status: 404 } });
    const dead: any = await chat("one");
    assert.equal((await fetch(dead.media_url)).status, 404);
    const live: any = await chat("two");
    assert.equal((await fetch(live.media_url, { method: "HEAD" })).status, 200);
    await demo.steer((await demo.jobs())[1].id, { expire_links: true });
    assert.equal((await fetch(live.media_url)).status, 403);
  });

  test("a job can stick, speak in other words, change its id or end without a result", async () => {
    await demo.fault(
      { route: "videos.create", job: { stick_at: 99, duration_ms: 50 } },
      { route: "videos.create", job: { duration_ms: 2000, words: { queued: "NOT_START" } } },
      { route: "videos.create", job: { new_id: true, no_result: true } },
    );
    const stuck = await client.videos.create({ prompt: "a" });
    const odd = await client.videos.create({ prompt: "b" });
    const renamed = await client.videos.create({ prompt: "c" });
    assert.equal(odd.status as string, "NOT_START");
    const done = await finished(renamed.id);
    assert.notEqual(done.id, renamed.id);
    assert.equal((await rejection(client.videos.downloadContent(done.id))).status, 404);
    const still = await client.videos.retrieve(stuck.id);
    assert.deepEqual([still.status, still.progress], ["in_progress", 99]);
    await demo.steer(stuck.id, { finish: true });
    assert.equal((await finished(stuck.id)).status, "completed");
  });

  test("the same Idempotency-Key gives the same job only where that is switched on", async () => {
    const make = (prompt: string) =>
      client.videos.create({ prompt }, { headers: { "Idempotency-Key": "k" } });
    assert.notEqual((await make("a")).id, (await make("a")).id);
    await demo.reset();
    await demo.settings({ idempotency: true });
    const body = JSON.stringify({ prompt: "a" });
    const headers = { authorization: "Bearer k", "idempotency-key": "k" };
    const send = async (b: string) =>
      (await fetch(`${demo.url}/v1/videos`, { method: "POST", headers, body: b })).json();
    assert.equal((await send(body)).id, (await send(body)).id);
    assert.equal((await send('{"prompt":"b"}')).error.code, "idempotency_key_reused");
    assert.equal((await demo.state()).submissions.by_key[0].accepted, 1);
  });

  test("a misspelt rule is refused and changes nothing", async () => {
    await assert.rejects(demo.fault({ route: "chat", status: 500 }, { rout: "chat" }), /there is no field/);
    assert.deepEqual((await demo.state()).faults, []);
  });
});

describe("others' words", () => {
  function shape(value: unknown): string {
    return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  }

  // Every member of the documented answer is there, of the same type (null where documented null).
  function assertLike(actual: Record<string, unknown>, documented: Record<string, unknown>): void {
    assert.deepEqual(Object.keys(actual).sort(), Object.keys(documented).sort());
    for (const [key, value] of Object.entries(documented)) {
      assert.equal(shape(actual[key]), shape(value), key);
    }
  }

  test("a job's document has the members and types of the documented ones, in every state", async () => {
    await demo.fault({ route: "videos.create", prompt: "fails", job: { refuse: true } });
    const made = await client.videos.create({ prompt: "goes well" });
    assertLike({ ...made }, answerOf("openai", "submitted").body);
    assertLike({ ...(await finished(made.id)) }, answerOf("openai", "completed").body);
    const failed = await client.videos.create({ prompt: "fails" });
    assertLike({ ...(await finished(failed.id)) }, answerOf("openai", "failed").body);
    const list = await fetch(`${demo.url}/v1/videos`, { headers: { authorization: "Bearer k" } });
    assertLike(await list.json(), answerOf("openai", "list").body);
    const refused = await fetch(`${demo.url}/v1/videos`, { method: "POST" });
    assertLike((await refused.json()).error, answerOf("openai", "wrong key").body.error as any);
  });

  for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith(".json"))) {
    const name = file.replace(".json", "");
    test(`${name}: the demo upstream can give each documented answer`, async () => {
      for (const answer of fixture(name)) {
        await demo.reset();
        await demo.fault({ status: answer.status, json: answer.body });
        const method = answer.request.split(" ")[0];
        const given = await fetch(`${demo.url}/v1/videos/x`, { method });
        assert.equal(given.status, answer.status, answer.name);
        assert.deepEqual(await given.json(), answer.body, answer.name);
      }
    });
  }
});

describe("the program", () => {
  const binary = process.env.KINORA_DEMO_BIN ?? "build/asan/kinora-demo-upstream";

  test("a wrong option is one clear line and exit 2", () => {
    for (const args of [["--sped", "1"], ["--speed", "fast"], ["--listen"], ["extra"]]) {
      const run = spawnSync(binary, args, { encoding: "utf8" });
      assert.equal(run.status, 2);
      assert.match(run.stderr, /^kinora-demo-upstream: [^\n]+\n$/);
    }
  });

  test("without ffmpeg it says so and does not start", () => {
    const run = spawnSync(binary, ["--listen", "127.0.0.1:0"], {
      encoding: "utf8",
      env: { ...process.env, PATH: "/nonexistent" },
    });
    assert.equal(run.status, 1);
    assert.match(run.stderr, /ffmpeg/);
  });

  test("it ends cleanly in the middle of drawing, streaming, dripping and holding", async () => {
    const busy = await Demo.start("--speed", "2");
    const key = { authorization: "Bearer k" };
    await busy.fault(
      { route: "models", hold: true },
      { route: "images", drip: { bytes: 10, every_ms: 50 } },
      { route: "videos.create", delay_ms: 60000 },
    );
    const post = (path: string, body: object) =>
      fetch(busy.url + path, { method: "POST", headers: key, body: JSON.stringify(body) })
        .then((answer) => answer.text())
        .catch(() => "cut");
    const messages = [{ role: "user", content: "long" }];
    const open = [
      fetch(`${busy.url}/v1/models`, { headers: key }).catch(() => "cut"),
      post("/v1/chat/completions", { model: "sora2-landscape-25s", messages, stream: true }),
      post("/v1/videos", { prompt: "late" }),
      post("/v1/images/generations", { prompt: "dripping", model: "sora2-landscape-10s" }),
    ];
    await busy.until((s) => s.open.requests === 4 && s.jobs.active > 0);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await busy.stop();
    await Promise.all(open);
  });

  test("an api key keeps all others out", async () => {
    const closed = await Demo.start("--api-key", "sk-only");
    const only = new OpenAI({ baseURL: `${closed.url}/v1`, apiKey: "sk-only", maxRetries: 0 });
    assert.ok((await only.models.list()).data.length > 0);
    assert.equal((await rejection(only.withOptions({ apiKey: "x" }).models.list())).status, 401);
    await closed.stop();
  });
});
