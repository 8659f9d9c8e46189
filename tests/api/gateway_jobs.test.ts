// SPDX-License-Identifier: Apache-2.0
// Chat calls that an account of another dialect answers: a durable job behind, and signed links
// to what only the account's credential opens.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI from "openai";
import { Demo } from "../lib/demo.ts";
import { Rows } from "../lib/rows.ts";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";

const MODEL = "sora2-landscape-10s";
let demo: Demo;
let kinora: Kinora;
let admin: Person;
let key: string;
let account: number;

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  account = (await admin.account(demo, "videos")).id;
  key = await admin.key();
});

after(async () => {
  await kinora.stop();
  await demo.stop();
});

beforeEach(async () => {
  await demo.reset();
  await admin.ask("POST", `/api/v1/admin/accounts/${account}/reset`);
});

function post(prompt: unknown, more: Record<string, unknown> = {}, init: RequestInit = {}) {
  const body = { model: MODEL, messages: [{ role: "user", content: prompt }], ...more };
  return fetch(`${kinora.url}/v1/chat/completions`, {
    method: "POST",
    ...init,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(init.headers as Record<string, string>),
    },
    body: JSON.stringify(body),
  });
}

// The data of each event; comments apart.
function events(text: string): string[] {
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("data: "))
    .map((block) => block.slice(6));
}

async function link(prompt: string): Promise<string> {
  const answer = await post(prompt);
  assert.equal(answer.status, 200);
  return (await answer.json()).media_url;
}

describe("the answer follows the job", () => {
  test("[GW-8] streamed: role, progress, one content chunk with links, finish, [DONE]", async () => {
    const answer = await post("streamed", { stream: true });
    assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
    const all = events(await answer.text());
    assert.equal(all.at(-1), "[DONE]");
    const chunks = all.slice(0, -1).map((text) => JSON.parse(text));
    const deltas = chunks.map((c) => c.choices[0].delta);
    for (const chunk of chunks) {
      assert.equal(chunk.object, "chat.completion.chunk");
      assert.equal(chunk.id, chunks[0].id);
      assert.equal(chunk.model, MODEL);
    }
    assert.deepEqual(deltas[0], { role: "assistant", content: "" });
    assert.deepEqual(deltas.at(-1), {});
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    const content = deltas.filter((d) => d.content);
    assert.equal(content.length, 1);
    const { media_url: url, media_urls: urls } = content[0];
    assert.equal(content[0].content, `\`\`\`html\n<video src='${url}' controls></video>\n\`\`\``);
    assert.deepEqual(urls, [url]);
    const progress = deltas.slice(1, -2).map((d) => Number(/(\d+)%/.exec(d.reasoning_content)![1]));
    assert.ok(progress.length > 0);
    assert.deepEqual(progress, [...progress].sort((a, b) => a - b));
  });

  test("[GW-8] not streamed: collected into one completion", async () => {
    const client = new OpenAI({ apiKey: key, baseURL: `${kinora.url}/v1`, maxRetries: 0 });
    const whole = await client.chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "collected" }],
    });
    const message = whole.choices[0].message as unknown as Record<string, unknown>;
    assert.equal(whole.object, "chat.completion");
    assert.equal(whole.choices[0].finish_reason, "stop");
    assert.match(message.content as string, /<video src='http/);
    assert.deepEqual(message.media_urls, [message.media_url]);
    const [made] = await demo.requests("videos.create");
    assert.match(Buffer.from(made.body.base64!, "base64").toString(), /collected/);
  });

  test("[GW-8] not streamed is a clear error where the setting says so", async () => {
    await admin.ask("PATCH", "/api/v1/admin/settings", { collect_non_streamed: false });
    const answer = await post("refused");
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.code, "stream_required");
    assert.equal((await demo.requests("videos.create")).length, 0);
    await admin.ask("PATCH", "/api/v1/admin/settings", { collect_non_streamed: null });
  });

  test("[GW-8] a failure is an error event, or an error's status with the class's code", async () => {
    const refuse = { route: "videos.create", job: { refuse: true }, times: 0 };
    await demo.fault(refuse);
    const whole = await post("forbidden");
    assert.equal(whole.status, 400);
    assert.equal((await whole.json()).error.code, "content_policy");
    const all = events(await (await post("forbidden", { stream: true })).text());
    assert.equal(all.at(-1), "[DONE]");
    const { error } = JSON.parse(all.at(-2)!);
    assert.equal(error.code, "content_policy");
    assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"]);
  });

  test("[GW-8] a client that leaves leaves the job running", async () => {
    await demo.fault({ route: "videos.create", job: { stick_at: 40 } });
    const leave = new AbortController();
    const answer = await post("left alone", { stream: true }, { signal: leave.signal });
    await answer.body!.getReader().read();
    const job = await eventually("the job is made", async () => (await demo.jobs())[0]);
    leave.abort();
    await demo.steer(job.id, { finish: true });
    await demo.until((s) => s.jobs.completed === 1 && s.jobs.cancelled === 0);
    assert.equal((await demo.requests("videos.delete")).length, 0);
  });

  test("[GW-8] [GW-2] parts, top-level fields and bounds of the request", async () => {
    const parts = [
      { type: "text", text: "from parts" },
      { type: "image_url", image_url: { url: "http://example.org/part.png" } },
    ];
    await (await post(parts, { image: "http://example.org/top.png" })).text();
    await (await post(parts)).text();
    const bodies = (await demo.requests("videos.create")).map((r) =>
      Buffer.from(r.body.base64!, "base64").toString(),
    );
    assert.match(bodies[0], /from parts/);
    assert.match(bodies[0], /top\.png/);
    assert.match(bodies[1], /part\.png/);
    for (const [more, param] of [
      [{ video_count: 4 }, "video_count"],
      [{ video_count: "2" }, "video_count"],
      [{ image: "file:///etc/passwd" }, "image"],
      [{ image: "data:image/png;base64,%%%" }, "image"],
    ] as const) {
      const answer = await post("bad", more);
      assert.equal(answer.status, 400);
      assert.equal((await answer.json()).error.param, param);
    }
    assert.equal((await demo.requests("videos.create")).length, 2);
  });

  test("[GW-11] the same Idempotency-Key joins the same job; another body is 422", async () => {
    const init = { headers: { "idempotency-key": "chat-1" } };
    const answers = await Promise.all([
      post("once", {}, init),
      post("once", {}, init),
      post("once", {}, init),
    ]);
    const ids = new Set<string>();
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      ids.add((await answer.json()).id);
    }
    assert.equal(ids.size, 1);
    assert.equal((await demo.requests("videos.create")).length, 1);
    const other = await post("twice", {}, init);
    assert.equal(other.status, 422);
    assert.equal((await other.json()).error.code, "idempotency_mismatch");
  });

  test("[GW-8] [GW-4] a user's calls that wait are bounded; one more is 429, and another user's goes on", async () => {
    await admin.ask("PATCH", `/api/v1/admin/accounts/${account}`, { concurrency: 200 });
    const rows = new Rows(kinora);
    const nobody = async () => rows.query("SELECT id FROM jobs WHERE state <> 'ended'").length === 0;
    const end = () => rows.change("UPDATE jobs SET deadline_at = 0, pending_until = 0, next_at = 0");
    end();
    await eventually("the jobs of earlier tests have ended", nobody);
    const stuck = { route: "videos.create", prompt: "crowd", times: 0, job: { stick_at: 10 } };
    await demo.fault(stuck);
    const leave = new AbortController();
    const crowd = await Promise.all(
      Array.from({ length: 70 }, () => post("crowd", { stream: true }, { signal: leave.signal })),
    );
    const refused = crowd.filter((a) => a.status === 429);
    assert.equal(crowd.filter((a) => a.status === 200).length, 64);
    assert.equal(refused.length, 6);
    for (const answer of refused) {
      assert.equal((await answer.json()).error.code, "queue_full");
      assert.equal(answer.headers.get("retry-after"), "5");
    }
    const image = "data:image/png;base64,iVBORw0KGgo=";
    for (const headers of [{}, { "idempotency-key": "crowded out" }])
      assert.equal((await post("crowd", { image }, { headers })).status, 429);
    assert.equal(rows.query("SELECT id FROM objects").length, 0);
    const other = await admin.member("another@example.org");
    const headers = { authorization: `Bearer ${await other.key()}` };
    const taken = await post("crowd", { stream: true }, { headers, signal: leave.signal });
    assert.equal(taken.status, 200);
    leave.abort();
    end();
    await eventually("the crowd is gone", nobody);
  });

  test("[GW-3] [GW-8] a chat job leaves no work in the studio and no stored file", async () => {
    await (await post("no trace")).text();
    assert.equal((await admin.ask("GET", "/api/v1/sora/generations")).total, 0);
    assert.equal((await admin.ask("GET", "/api/v1/sora/quota")).used_bytes, 0);
    assert.equal((await demo.requests("videos.content")).length, 0);
  });
});

describe("links that need the credential", () => {
  test("[GW-9] the link streams the media through, without any key", async () => {
    const url = await link("linked");
    assert.ok(url.startsWith(`${kinora.url}/media/upstream/`));
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
    const [seen] = await demo.requests("videos.content");
    assert.equal(whole.length, seen.answer.bytes);
    assert.equal(whole.subarray(4, 8).toString(), "ftyp");
    const head = await fetch(url);
    assert.equal(head.headers.get("content-type"), "video/mp4");
    assert.equal(head.headers.get("x-content-type-options"), "nosniff");
    await head.arrayBuffer();
    const part = await fetch(url, { headers: { range: "bytes=100-199" } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("content-range"), `bytes 100-199/${whole.length}`);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(100, 200));
    // Several come as the whole: their answer would be of a type that is not passed on.
    const several = await fetch(url, { headers: { range: "bytes=0-9,20-29" } });
    assert.equal(several.status, 200);
    assert.deepEqual(Buffer.from(await several.arrayBuffer()), whole);
    const asked = (await demo.requests("videos.content")).at(-1)!;
    assert.ok(!asked.headers.some(([name]) => name.toLowerCase() === "range"));
  });

  test("[GW-9] a changed link is 403, one that the upstream has forgotten 410", async () => {
    const url = new URL(await link("forgotten"));
    const [, , , token, name] = url.pathname.split("/");
    const [text, mac] = token.split(".");
    const changed = Buffer.from(text, "base64url").toString().replace("/content", "/contenT");
    for (const bad of [
      `${Buffer.from(changed).toString("base64url")}.${mac}`,
      `${text}.${mac.slice(0, -2)}AA`,
      text,
      "x",
    ]) {
      const answer = await fetch(`${url.origin}/media/upstream/${bad}/${name}`);
      assert.equal(answer.status, 403, bad);
      assert.equal((await answer.json()).error.code, "bad_link");
    }
    const [job] = await demo.jobs();
    await demo.steer(job.id, { forget: true });
    const gone = await fetch(url);
    assert.equal(gone.status, 410);
    await gone.text();
  });

  test("[GW-9] a link with any part of it changed opens nothing", async () => {
    const url = new URL(await link("changed"));
    const [, , , token, name] = url.pathname.split("/");
    const tails: string[] = [`${token}/x${name}`, `${token}/media`, `${token}/`, `${token}`, `${token}/${name}/`];
    for (let i = 0; i < token.length; i += 5) {
      const other = token[i] === "A" ? "B" : "A";
      tails.push(`${token.slice(0, i)}${other}${token.slice(i + 1)}/${name}`);
    }
    // The bits that base64 leaves over at the end of a text.
    const [text, mac] = token.split(".");
    for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
      if (c !== text.at(-1)) tails.push(`${text.slice(0, -1)}${c}.${mac}/${name}`);
    for (const tail of tails) {
      const answer = await fetch(`${url.origin}/media/upstream/${tail}`);
      assert.ok([403, 404].includes(answer.status), `${answer.status} ${tail}`);
      await answer.text();
    }
    assert.equal((await demo.requests("videos.content")).length, 0);
    assert.equal((await fetch(url)).status, 200);
  });

  test("[GW-9] a link whose account is gone says so", async () => {
    const credentials = { base_url: demo.url, api_key: "demo-key" };
    const { id } = await admin.account(demo, "videos", { name: "gone soon", priority: 1, credentials });
    const url = await link("of an account that goes");
    await admin.ask("DELETE", `/api/v1/admin/accounts/${id}`);
    const answer = await eventually("the account is gone", async () => {
      const got = await fetch(url);
      const body = await got.text();
      return got.status === 404 && body;
    });
    assert.equal(JSON.parse(answer).error.code, "account_not_found");
  });

  test("[GW-9] what the upstream refuses is 410, and what it cannot give 502", async () => {
    const url = await link("refused there");
    for (const [status, wanted] of [[403, 410], [404, 410], [410, 410], [500, 502]]) {
      await demo.fault({ route: "videos.content", status });
      const answer = await fetch(url);
      assert.equal(answer.status, wanted, `${status}`);
      assert.equal((await answer.json()).error.code, wanted === 410 ? "link_expired" : "media_unavailable");
    }
  });

  test("[GW-9] [SG-9] a work that did not fit is kept as such a link, to play and to download", async () => {
    await admin.ask("PATCH", "/api/v1/admin/settings", { sora_default_storage_quota_bytes: 1000 });
    const work = await admin.ended(await admin.generate("too large"));
    await admin.ask("PATCH", "/api/v1/admin/settings", { sora_default_storage_quota_bytes: null });
    assert.equal(work.storage_type, "upstream");
    assert.ok(work.media_urls[0].startsWith(`${kinora.url}/media/upstream/`));
    const answer = await fetch((work.download_urls as string[])[0]);
    assert.equal(answer.headers.get("content-disposition"), "attachment");
    assert.ok((await answer.arrayBuffer()).byteLength > 1000);
    await admin.ask("DELETE", `/api/v1/sora/generations/${work.id}`);
  });

  test("[GW-9] the link outlives the process that made it", async () => {
    const url = await link("survivor");
    await kinora.stop({ keep: true });
    await kinora.launch();
    const answer = await fetch(url);
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
    admin = await kinora.signIn("admin@example.org");
  });
});
