// SPDX-License-Identifier: Apache-2.0
// Other people's servers behind accounts of dialect `videos` (docs/spec.md, AC-4), with the traps
// that each of them has, seen through OpenAI's own package.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";
import { Rows } from "../lib/rows.ts";
import { FILM, KINDS, VideoServer } from "../lib/servers.ts";

let kinora: Kinora;
let admin: Person;

before(async () => {
  kinora = await Kinora.start();
  admin = await kinora.admin();
});

after(() => kinora.stop());

function account(server: VideoServer, more: Record<string, unknown>) {
  return admin.ask("POST", "/api/v1/admin/accounts", {
    platform: "sora",
    type: "apikey",
    dialect: "videos",
    credentials: { base_url: server.base, api_key: "server-key" },
    priority: 1,
    concurrency: 9,
    group_ids: [1],
    ...more,
  });
}

describe("Behind one Kinora", { concurrency: true }, () => {
  for (const kind of KINDS)
    describe(kind, { concurrency: 1 }, () => {
      let server: VideoServer;
      let client: OpenAI;
      const model = `model-of-${kind}`;

      before(async () => {
        server = await VideoServer.start(kind);
        await account(server, { name: kind, models: [model] });
        const apiKey = await admin.key();
        client = new OpenAI({ apiKey, baseURL: `${kinora.url}/v1`, maxRetries: 0 });
      });

      after(() => server.stop());

      async function make(prompt: string) {
        const { id } = await client.videos.create({ model, prompt });
        return eventually("it ends", async () => {
          const video = await client.videos.retrieve(id);
          return ["completed", "failed"].includes(video.status) && video;
        });
      }

      test("[AC-4] [GW-10] A video is made and its file streamed through", async () => {
        const video = await make("a boat");
        assert.equal(video.status, "completed", JSON.stringify(video));
        const content = await client.videos.downloadContent(video.id);
        assert.deepEqual(Buffer.from(await content.arrayBuffer()), FILM);
        assert.ok(server.seen.every((call) => call.key === "Bearer server-key"));
      });

      test("[AC-4] A failure is read, in whatever form it comes", async () => {
        const video = await make("fail");
        assert.equal(video.status, "failed");
        assert.match(video.error!.message, /out of memory/);
      });

      test("[AC-4] [GW-10] A refusal is the caller's, with the server's words", async () => {
        await assert.rejects(client.videos.create({ model, prompt: "refuse" }), (e: any) => {
          assert.ok(e instanceof OpenAI.BadRequestError);
          assert.match(e.message, /size is not supported/);
          return true;
        });
      });

      test("[AC-4] The form that a server does not take is tried once and no more", async () => {
        const refused = server.seen.filter(
          (call) => call.method === "POST" && call.type.startsWith("multipart/"),
        );
        const asked = server.seen.filter((call) => call.method === "POST");
        const onlyJson = kind === "sglang" || kind === "openrouter";
        assert.equal(refused.length, onlyJson ? 1 : asked.length);
      });

      if (kind === "vllm-omni")
        test("[AC-4] One caller's broken picture changes nobody else's form", async () => {
          const broken = client.videos.create({ model, prompt: "broken" });
          await assert.rejects(broken, OpenAI.BadRequestError);
          assert.equal((await make("a boat")).status, "completed");
          assert.match(server.seen.findLast((c) => c.method === "POST")!.type, /^multipart/);
        });

      test("[AC-4] [GW-10] A deleted video is cancelled there as well as that can be", async () => {
        const { id } = await client.videos.create({ model, prompt: "hang" });
        await client.videos.delete(id);
        const wanted = kind === "vllm-omni" ? 2 : 1; // 409: not yet, try again
        await eventually("it is told", async () => {
          return server.seen.filter((call) => call.method === "DELETE").length === wanted;
        });
      });

      if (kind === "vllm-omni" || kind === "sglang")
        test("[AC-4] Images come as bytes alone, and may be had by address", async () => {
          const form = { model, prompt: "a boat", response_format: "url" as const };
          const { data } = await client.images.generate(form);
          const bytes = await (await fetch(data![0].url!)).arrayBuffer();
          assert.equal(Buffer.from(bytes).subarray(1, 4).toString(), "PNG");
          assert.match(server.seen.at(-1)!.body, /"response_format":"b64_json"/);
        });
    });
});

test("[ST-11] [GW-1] What an upstream says it serves is listed, by our names, and asked again later", async (t) => {
  const server = await VideoServer.start("vllm-omni");
  t.after(() => server.stop());
  server.models = [{ id: "Wan-AI/Wan2.2" }, { id: "theirs" }, { id: "qwen-image" }];
  const { id } = await account(server, { name: "lists", priority: 9, model_mapping: { ours: "theirs" } });
  const client = new OpenAI({ apiKey: await admin.key(), baseURL: `${kinora.url}/v1` });
  const names = async () => (await client.models.list()).data.map((m) => m.id);
  const rows = new Rows(kinora);
  assert.ok(!(await names()).includes("Wan-AI/Wan2.2"));
  // A quarter of an hour later.
  rows.change(`UPDATE accounts SET updated_at = 0 WHERE id = ${id}`);
  await eventually("they are listed", async () => (await names()).includes("Wan-AI/Wan2.2"));
  const listed = await names();
  assert.ok(listed.includes("ours") && !listed.includes("theirs"));
  const { data } = await admin.ask("GET", "/api/v1/sora/models");
  assert.equal(data.find((m: any) => m.id === "qwen-image").media_type, "image");
  assert.equal(server.seen.filter((call) => call.path === "/v1/models").length, 1);
  // An hour later it serves something else; and then it says nothing, which changes nothing.
  server.models = [{ id: "Wan-AI/Wan3" }];
  const hourLater = `UPDATE account_models SET next_at = 0 WHERE account_id = ${id}`;
  rows.change(hourLater);
  await eventually("anew", async () => (await names()).includes("Wan-AI/Wan3"));
  assert.ok(!(await names()).includes("Wan-AI/Wan2.2"));
  server.models = undefined as never; // an answer without a list
  rows.change(hourLater);
  const failures = `SELECT failures AS n FROM account_models WHERE account_id = ${id}`;
  await eventually("it has failed", async () => Number(rows.one(failures).n) === 1);
  assert.ok((await names()).includes("Wan-AI/Wan3"));
});

test("[GW-10] [AC-4] Images of more than 32 MiB in all come whole, also two answers at once", async (t) => {
  const server = await VideoServer.start("vllm-omni");
  t.after(() => server.stop());
  const size = 7 << 20;
  server.picture = Buffer.concat([Buffer.from(server.picture, "base64"), Buffer.alloc(size)]).toString("base64");
  await account(server, { name: "large", models: ["large-images"] });
  const client = new OpenAI({ apiKey: await admin.key(), baseURL: `${kinora.url}/v1`, maxRetries: 0 });
  const form = { model: "large-images", prompt: "a boat", n: 4, response_format: "url" as const };
  const answers = await Promise.all([client.images.generate(form), client.images.generate(form)]);
  const links = answers.flatMap(({ data }) => data!.map((image) => image.url!));
  assert.equal(new Set(links).size, 8);
  for (const link of links) {
    const answer = await fetch(link, { method: "HEAD" });
    assert.ok(Number(answer.headers.get("content-length")) > size);
  }
});

describe("[GW-9] A signed link whose upstream's link has died since", () => {
  let server: VideoServer;
  let openai: OpenAI;
  let link: string; // of a chat answer
  let video: string;
  const polls = () => server.seen.filter((c) => /^\/api\/v1\/videos\/task_\d+$/.test(c.path)).length;
  const asked = () => server.seen.filter((c) => c.path.includes("/file")).map((c) => c.path);
  const open = async () => {
    const answer = await fetch(link);
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), FILM);
    return asked().at(-1)!;
  };

  before(async () => {
    server = await VideoServer.start("openrouter");
    await account(server, { name: "dies", models: ["dies"] });
    openai = new OpenAI({ apiKey: await admin.key(), baseURL: `${kinora.url}/v1`, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "a boat" }];
    const [answer, made] = await Promise.all([
      openai.chat.completions.create({ model: "dies", messages }),
      openai.videos.create({ model: "dies", prompt: "a boat" }),
    ]);
    link = (answer.choices[0].message as any).media_url;
    video = made.id;
    assert.ok(link.startsWith(`${kinora.url}/media/upstream/`), link);
    // Its polls are over then: the tests count those of another look.
    await eventually("it ends", async () => (await openai.videos.retrieve(video)).status === "completed");
  });

  after(() => server.stop());

  test("[GW-9] gives the file of another look at the task, which stays", async () => {
    const first = await open();
    server.dead.add(first);
    const before = polls();
    const second = await open();
    assert.notEqual(second, first);
    assert.deepEqual([await open(), polls()], [second, before + 1]);
    server.dead.add(second);
    assert.notEqual(await open(), second);
  });

  test("[GW-10] a video's content is the file of another look then", async () => {
    const content = async () => Buffer.from(await (await openai.videos.downloadContent(video)).arrayBuffer());
    assert.deepEqual(await content(), FILM);
    server.dead.add(asked().at(-1)!);
    assert.deepEqual(await content(), FILM);
  });

  test("[GW-9] is let go by whoever leaves while it is looked for", async () => {
    let release = (_: unknown) => {};
    server.dead.add(await open());
    server.gate = new Promise((resolve) => (release = resolve));
    const before = polls();
    const leaving = new AbortController();
    const left = assert.rejects(fetch(link, { signal: leaving.signal }));
    await eventually("it is looked for", async () => polls() > before);
    leaving.abort();
    await left;
    release(undefined);
    await eventually("the next has it", async () => (await fetch(link)).status === 200);
  });

  test("[GW-9] is 410 where there is no other, or nobody knows of which task it was", async () => {
    const refused = async () => {
      const answer = await fetch(link);
      assert.deepEqual([answer.status, (await answer.json()).error.code], [410, "link_expired"]);
    };
    server.dead.add(await open());
    server.another = false;
    await refused();
    const before = polls();
    await refused();
    assert.equal(polls(), before, "asked again at once");
    server.another = true;
    new Rows(kinora).change("DELETE FROM jobs WHERE model = 'dies'");
    await refused();
  });
});
