// SPDX-License-Identifier: Apache-2.0
// Jobs and chat calls on accounts of fal and of Volcengine Ark, on stand-ins with the traps of
// their documents.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ark } from "../lib/ark.ts";
import { Fal } from "../lib/fal.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { Rows, type Row } from "../lib/rows.ts";
import type { StandIn } from "../lib/stand_in.ts";

const MAPPING = {
  film: "fal-ai/veo3.1",
  moving: "fal-ai/veo3.1/image-to-video",
  picture: "fal-ai/flux/schnell",
  other: "somebody/something/new",
  unnamed: "flux",
  seedance: "doubao-seedance-1-0-pro",
  gone: "no-such-model",
  "sora2-portrait-15s": "doubao-seedance-1-0-pro",
  "film-landscape-8s": "fal-ai/veo3.1",
};
const MODELS = [
  { id: "film", media_type: "video", seconds: [8, 10] },
  { id: "moving", media_type: "video" },
  { id: "picture", media_type: "image" },
  { id: "other", media_type: "video" },
  { id: "unnamed", media_type: "video" },
  { id: "seedance", media_type: "video" },
  { id: "gone", media_type: "video" },
];
// The last of each are in no list but the account's.
const OF_FAL = ["film", "moving", "picture", "other", "unnamed", "film-landscape-8s"];
const OF_ARK = ["seedance", "gone", "sora2-portrait-15s"];

let kinora: Kinora;
let admin: Person;
let key: string;
let fal: Fal;
let ark: Ark;
const accounts: Record<string, number> = {};

before(async () => {
  [kinora, fal, ark] = await Promise.all([Kinora.start(), new Fal().start(), new Ark().start()]);
  admin = await kinora.admin();
  // The stand-ins' media are on another origin of this machine.
  await admin.ask("PATCH", "/api/v1/admin/settings", {
    allowed_private_networks: ["127.0.0.0/8"],
    models: MODELS,
  });
  accounts.fal = await account("fal", fal, fal.key, OF_FAL);
  accounts.ark = await account("ark", ark, ark.key, OF_ARK);
  key = await admin.key();
  const names = Array.from({ length: 6 }, (_, i) => `maker${i}@example.org`);
  for (const name of names) people.push(await admin.member(name));
});

after(async () => {
  await kinora.stop();
  await Promise.all([fal.stop(), ark.stop()]);
});

async function account(dialect: string, upstream: StandIn, api_key: string, models: string[]) {
  const made = await admin.ask("POST", "/api/v1/admin/accounts", {
    name: dialect,
    platform: "sora",
    type: "apikey",
    dialect,
    credentials: { base_url: upstream.url, api_key },
    priority: 10,
    concurrency: 20,
    group_ids: [1],
    models,
    model_mapping: Object.fromEntries(models.map((m) => [m, MAPPING[m as keyof typeof MAPPING]])),
  });
  return made.id as number;
}

// The prompts are all different.
const asked = (prompt: string) => fal.made.find((m) => m.input.prompt === prompt)!;
const tasked = (prompt: string) => ark.made.find((t) => t.prompt === prompt)!;

// Everybody may have three jobs at once: enough people for each group of tests.
const people: Person[] = [];
let count = 0;
const somebody = () => people[count++ % people.length];

async function work(prompt: string, more: Record<string, unknown>) {
  const person = somebody();
  return person.ended(await person.generate(prompt, more));
}

function chat(prompt: string, model: string, more: Record<string, unknown> = {}) {
  return fetch(`${kinora.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: prompt }], ...more }),
  });
}

async function video(prompt: string, model: string, more: Record<string, unknown> = {}) {
  const answer = await fetch(`${kinora.url}/v1/videos`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, prompt, ...more }),
  });
  return { status: answer.status, body: await answer.json() };
}

function noCredentialLeft(): void {
  for (const upstream of [fal, ark])
    for (const asked of upstream.mediaAsked) assert.equal(asked.headers.authorization, undefined, asked.path);
}

describe("fal", { concurrency: true }, () => {
  const film = { model: "film", orientation: "portrait", seconds: 8 };

  test("[AC-4] [ST-2] a film: submitted in the model's words, polled where the answer said, stored", async () => {
    const g = await work("a paper boat", film);
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(g.storage_type, "local");
    const made = asked("a paper boat");
    assert.deepEqual(made.input, { prompt: "a paper boat", duration: "8s", aspect_ratio: "9:16" });
    assert.ok(fal.requests("POST", /^\/fal-ai\/veo3\.1$/).length > 0);
    // The sub-path is dropped by the addresses of the answer.
    assert.equal(fal.requests("GET", new RegExp(`^/fal-ai/veo3.1/requests/${made.id}/status$`)).length, 2);
    assert.equal(fal.requests("GET", new RegExp(`^/fal-ai/veo3.1/requests/${made.id}$`)).length, 1);
    noCredentialLeft();
  });

  test("[AC-4] a picture to start from goes up as a data URL, in the field of the model", async () => {
    const image_input = `data:image/png;base64,${Buffer.from("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR and more", "latin1").toString("base64")}`;
    const g = await work("it moves", { model: "moving", image_input });
    assert.equal(g.status, "completed", String(g.error_message));
    assert.match(asked("it moves").input.image_url, /^data:image\/png;base64,/);
    assert.equal(asked("it moves").app, "fal-ai/veo3.1");
  });

  test("[GW-10] [ST-3] an image whose link has died is fetched by the link of another look", async () => {
    const answer = await fetch(`${kinora.url}/v1/images/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "picture", prompt: "the link dies", response_format: "b64_json" }),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.ok((await answer.json()).data[0].b64_json);
    assert.equal(fal.made.filter((m) => m.input.prompt === "the link dies").length, 1);
  });

  test("[AC-4] several images in one work", async () => {
    const g = await work("three boats", { model: "picture", media_type: "image", video_count: 3 });
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(g.media_urls.length, 3);
    assert.deepEqual(asked("three boats").input, { prompt: "three boats", num_images: 3 });
  });

  test("[AC-4] a model that is not in the table gets the prompt and no more", async () => {
    assert.equal((await work("plain", { model: "other" })).status, "completed");
    assert.deepEqual(asked("plain").input, { prompt: "plain" });
    assert.equal(asked("plain").app, "somebody/something");
  });

  test("[AC-4] [ST-8] what a model cannot do is said, and nothing is sent", async () => {
    const cases: [string, Record<string, unknown>, string, RegExp][] = [
      ["too long", { ...film, seconds: 10 }, "seconds_not_offered", /4 s, 6 s, 8 s/],
      ["no picture", { model: "moving" }, "needs_image", /reference image/],
      ["no path", { model: "unnamed" }, "no_model_path", /fal-ai\/veo3\.1/],
    ];
    for (const [prompt, more, code, words] of cases) {
      const g = await work(prompt, more);
      assert.equal(g.status, "failed", prompt);
      assert.equal(g.error_code, "upstream", prompt);
      assert.match(String(g.error_message), words, `${prompt} ${code}`);
      assert.equal(asked(prompt), undefined, prompt);
    }
  });

  test("[GW-10] what a model cannot do is the caller's to change, in a whole sentence", async () => {
    const cases: [string, Record<string, unknown>, string, RegExp][] = [
      ["film", { seconds: "10" }, "seconds_not_offered", /^This model .* length: 4 s, 6 s, 8 s$/],
      ["moving", {}, "needs_image", /^This model needs a reference image\.$/],
      ["unnamed", {}, "no_model_path", /fal-ai\/veo3\.1/],
      ["other", { size: "720x1280" }, "size_not_offered", /size\.$/],
    ];
    for (const [model, more, code, sentence] of cases) {
      const { status, body } = await video(`${model} cannot`, model, more);
      assert.deepEqual([status, body.error.code], [400, code], JSON.stringify(body));
      assert.match(body.error.message, sentence);
      assert.equal(asked(`${model} cannot`), undefined);
    }
  });

  test("[GW-10] what nobody asked for is left to the model", async () => {
    const made = await video("unsaid", "other");
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.deepEqual([made.body.seconds, made.body.size], ["4", "720x1280"]);
    assert.deepEqual(asked("unsaid").input, { prompt: "unsaid" });
  });

  test("[ST-8] refusals and failures have their class, and the upstream's own words", async () => {
    const cases: [string, string, RegExp][] = [
      ["refused", "upstream", /the prompt was not liked/],
      ["error", "upstream", /The runner gave up/],
      ["policy", "content_policy", /flagged by a content checker/],
      ["empty", "upstream", /without a result/],
    ];
    await Promise.all(
      cases.map(async ([prompt, code, words]) => {
        const g = await work(prompt, film);
        assert.equal(g.status, "failed", prompt);
        assert.equal(g.error_code, code, prompt);
        assert.match(String(g.error_message), words, prompt);
      }),
    );
  });

  test("[ST-2] a result that cannot be had at once is asked for again", async () => {
    const g = await work("gateway", film);
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(fal.made.filter((m) => m.input.prompt === "gateway").length, 1);
  });

  test("[GW-5] a submission that is too early goes up again after its Retry-After", async () => {
    const g = await work("busy", film);
    assert.equal(g.status, "completed", String(g.error_message));
  });

  test("[GW-9] [AC-7] addresses of another host are asked for at the account's own", async () => {
    const g = await work("elsewhere", film);
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(fal.mediaAsked.filter((a) => a.path.includes("/requests/")).length, 0);
    noCredentialLeft();
  });

  test("[ST-5] a cancellation is passed on to the address that the answer gave", async () => {
    const person = somebody();
    const id = await person.generate("held, to be cancelled", film);
    const made = await eventually("it is polled", async () => {
      const found = asked("held, to be cancelled");
      return found?.looks > 0 && found;
    });
    await person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    await eventually("fal is told", async () => made.cancelled);
    assert.equal((await person.generation(id)).status, "cancelled");
  });

  test("[GW-8] a chat call gets the links of fal as they are", async () => {
    const answer = await chat("in a chat", "other");
    const body = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(body));
    assert.ok(body.choices[0].message.media_url.startsWith(`${fal.mediaUrl}/files/`));
    const streamed = await (await chat("in a stream", "other", { stream: true })).text();
    assert.match(streamed, /files\/req-\d+\.mp4/);
    assert.match(streamed, /data: \[DONE\]/);
  });
});

describe("ark", { concurrency: true }, () => {
  const seedance = { model: "seedance", orientation: "landscape", seconds: 5 };

  test("[AC-4] [ST-2] a film: submitted, polled, stored", async () => {
    const g = await work("a paper boat", seedance);
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(g.storage_type, "local");
    assert.deepEqual(tasked("a paper boat").body, {
      model: MAPPING.seedance,
      content: [{ type: "text", text: "a paper boat" }],
      ratio: "16:9",
      duration: 5,
    });
    noCredentialLeft();
  });

  test("[AC-4] a picture to start from is the first frame", async () => {
    const image_input = "https://pictures.example/boat.png";
    const g = await work("it moves", { ...seedance, image_input });
    assert.equal(g.status, "completed", String(g.error_message));
    assert.deepEqual(tasked("it moves").body.content[1], {
      type: "image_url",
      image_url: { url: image_input },
      role: "first_frame",
    });
  });

  test("[ST-8] refusals and failures have their class, and the upstream's own words", async () => {
    const cases: [string, Record<string, unknown>, string, RegExp][] = [
      ["sensitive", seedance, "content_policy", /sensitive information/],
      ["fails", seedance, "content_policy", /output video/],
      ["expires", seedance, "timeout", /did not finish in time/],
      ["all die", seedance, "upstream", /link had expired/],
      ["gone", { model: "gone" }, "upstream", /model or endpoint/],
    ];
    await Promise.all(
      cases.map(async ([prompt, more, code, words]) => {
        const g = await work(prompt, more);
        assert.equal(g.status, "failed", prompt);
        assert.equal(g.error_code, code, prompt);
        assert.match(String(g.error_message), words, prompt);
      }),
    );
  });

  test("[GW-5] an overloaded upstream is asked again after its Retry-After", async () => {
    assert.equal((await work("overload", seedance)).status, "completed");
  });

  test("[ST-3] a link that has died is renewed by another look at the task", async () => {
    const g = await work("the link dies", seedance);
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(g.storage_type, "local");
    assert.equal(ark.made.filter((t) => t.prompt === "the link dies").length, 1);
  });

  test("[ST-5] a cancellation that the upstream refuses ends the job here all the same", async () => {
    const person = somebody();
    const id = await person.generate("held, to be cancelled", seedance);
    const task = await eventually("it runs", async () => {
      const found = tasked("held, to be cancelled");
      return found?.status === "running" && found;
    });
    await person.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    await eventually("ark is asked", async () => ark.requests("DELETE", new RegExp(`${task.id}$`)).length > 0);
    assert.equal(task.status, "running");
    assert.equal((await person.generation(id)).status, "cancelled");
  });

  test("[GW-8] a chat call gets the link of Ark as it is", async () => {
    const body = await (await chat("in a chat", "seedance")).json();
    assert.ok(body.choices[0].message.media_url.startsWith(`${ark.mediaUrl}/cgt-`), JSON.stringify(body));
  });
});

describe("the length and the shape of a work, as its caller says them", { concurrency: true }, () => {
  const said: [string, string, Record<string, unknown>, Record<string, unknown>][] = [
    ["film", "fields", { seconds: 8, orientation: "portrait" }, { duration: "8s", aspect_ratio: "9:16" }],
    ["film", "a size", { seconds: "6", size: "1280x720", orientation: "portrait" },
      { duration: "6s", aspect_ratio: "16:9", resolution: "720p" }],
    ["film-landscape-8s", "a name", {}, { duration: "8s", aspect_ratio: "16:9" }],
    ["film-landscape-8s", "a name and fields", { seconds: 4, orientation: "portrait" },
      { duration: "4s", aspect_ratio: "9:16" }],
    ["seedance", "fields", { seconds: 5, orientation: "landscape" }, { duration: 5, ratio: "16:9" }],
    ["seedance", "a size", { size: "1080x1920" }, { ratio: "9:16", resolution: "1080p" }],
    ["sora2-portrait-15s", "a name", {}, { duration: 15, ratio: "9:16", resolution: "720p" }],
    ["sora2-portrait-15s", "a name and fields", { seconds: 10, orientation: "landscape" },
      { duration: 10, ratio: "16:9" }],
  ];
  for (const [model, how, more, wanted] of said) {
    test(`[GW-8 GW-10] reach the upstream of ${model} by ${how}, from chat and from videos`, async () => {
      for (const way of ["chat", "videos"]) {
        const prompt = `${model} by ${how} from ${way}`;
        if (way === "chat") {
          const answer = await chat(prompt, model, more);
          assert.equal(answer.status, 200, await answer.text());
        } else {
          const { status, body } = await video(prompt, model, more);
          assert.equal(status, 200, JSON.stringify(body));
        }
        const { prompt: _, model: __, content: ___, ...rest } = asked(prompt)?.input ?? tasked(prompt).body;
        assert.deepEqual(rest, wanted, way);
      }
    });
  }

  test("[GW-8] are refused by name when they say nothing", async () => {
    const cases: [string, unknown][] = [["seconds", "soon"], ["seconds", 0], ["seconds", 4.5], ["seconds", true],
      ["size", "16:9"], ["size", 720], ["orientation", "sideways"]];
    for (const [field, value] of cases) {
      const answer = await chat(`no ${field}`, "seedance", { [field]: value });
      const { error } = await answer.json();
      assert.deepEqual([answer.status, error.code, error.param], [400, "invalid_field", field], String(value));
    }
    for (const [field, value] of [["seconds", null], ["size", "auto"], ["orientation", null]] as const)
      assert.equal((await chat(`null ${field}`, "seedance", { [field]: value })).status, 200, field);
  });
});

// Jobs that ended a while ago, whose first link is dead since.
describe("links that die after the answer", () => {
  const jobOf = (prompt: string) =>
    new Rows(kinora).one(`SELECT id, public_id, state, CAST(result AS TEXT) AS result FROM jobs
      WHERE CAST(request AS TEXT) LIKE '%${prompt}%'`);

  async function ended(prompt: string, upstream: StandIn, status = 403): Promise<Row> {
    const job = await eventually("the job's end", async () => {
      const found = jobOf(prompt);
      return found.state === "ended" && found;
    });
    new Rows(kinora).change(`UPDATE jobs SET ended_at = ended_at - 120000 WHERE id = ${job.id}`);
    upstream.dead.set(new URL(JSON.parse(String(job.result)).media[0].url).pathname, status);
    return job;
  }

  const content = (id: string) =>
    fetch(`${kinora.url}/v1/videos/${id}/content`, {
      headers: { authorization: `Bearer ${key}` },
      redirect: "manual",
    });

  test("[GW-9 GW-10] a video's content is had by the link of another look, which stays", async () => {
    await video("dead on content", "seedance");
    const job = await ended("dead on content", ark);
    const first = await content(job.public_id);
    assert.equal(first.status, 302, await first.text());
    assert.match(first.headers.get("location")!, /cgt-\d+-2\.mp4$/);
    assert.equal((await fetch(first.headers.get("location")!)).status, 200);
    assert.equal((await content(job.public_id)).headers.get("location"), first.headers.get("location"));
    assert.equal(tasked("dead on content").links, 2);
  });

  test("[GW-10] a video's content of which the upstream has no living link is 410, and not a dead address", async () => {
    const made = await video("dead for ever", "seedance");
    await ended("dead for ever", ark, 404);
    tasked("dead for ever").id = "forgotten";
    const answer = await content(made.body.id);
    assert.equal(answer.status, 410);
    assert.equal((await answer.json()).error.code, "link_expired");
  });

  test("[GW-8 GW-11] a chat answer that is asked for again gives links that live", async () => {
    const ask = async () => {
      const answer = await fetch(`${kinora.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": "again" },
        body: JSON.stringify({ model: "seedance", messages: [{ role: "user", content: "dead in a chat" }] }),
      });
      return (await answer.json()).choices[0].message.media_url as string;
    };
    const before = await ask();
    assert.equal(await ask(), before);
    await ended("dead in a chat", ark);
    const renewed = await ask();
    assert.notEqual(renewed, before);
    assert.equal((await fetch(renewed)).status, 200);
  });

  test("[GW-10 GW-11] an image that is asked for again gives a link that lives", async () => {
    const ask = async () => {
      const answer = await fetch(`${kinora.url}/v1/images/generations`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": "image" },
        body: JSON.stringify({ model: "picture", prompt: "the link dies later", response_format: "url" }),
      });
      return (await answer.json()).data[0].url as string;
    };
    assert.equal((await fetch(await ask())).status, 404);
    await ended("the link dies later", fal, 404);
    assert.equal((await fetch(await ask())).status, 200);
    assert.equal(fal.made.filter((m) => m.input.prompt === "the link dies later").length, 1);
  });
});

describe("both", () => {
  test("[AC-5] a connection test tells a good key from a bad one, and this API from another", async () => {
    const ask = (dialect: string, base_url: string, api_key: string) =>
      admin.ask("POST", "/api/v1/admin/accounts/test", { dialect, credentials: { base_url, api_key } });
    const cases: [string, StandIn, StandIn, string][] = [
      ["fal", fal, ark, fal.key],
      ["ark", ark, fal, ark.key],
    ];
    for (const [dialect, own, others, good] of cases) {
      assert.equal((await ask(dialect, own.url, good)).ok, true, dialect);
      assert.equal((await ask(dialect, own.url, "bad")).code, "auth_failed", dialect);
      assert.equal((await ask(dialect, others.mediaUrl, good)).code, "not_this_api", dialect);
    }
  });

  test("[ST-3] jobs go on where they stood after kill -9, and nothing is submitted twice", async () => {
    const person = somebody();
    const one = await person.generate("held, film", { model: "film", seconds: 8 });
    const two = await person.generate("held, seedance", { model: "seedance" });
    await eventually("both are polled", async () => {
      return asked("held, film")?.looks > 1 && tasked("held, seedance")?.looks > 1;
    });
    await kinora.kill();
    await kinora.launch();
    fal.held = ark.held = false;
    for (const id of [one, two]) {
      const g = await person.ended(id, 120);
      assert.equal(g.status, "completed", String(g.error_message));
    }
    assert.equal(fal.made.filter((m) => m.input.prompt === "held, film").length, 1);
    assert.equal(ark.made.filter((t) => t.prompt === "held, seedance").length, 1);
  });
});
