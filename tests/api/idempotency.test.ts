// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key (docs/spec.md, GW-11): in the studio and for chat calls that become jobs.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Answer, type Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, send, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";

let kinora: Kinora;
let demo: Demo;
let admin: Person;
let count = 0;

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "200")]);
  admin = documented(await kinora.admin());
  await admin.account(demo, "videos");
});

after(() => stopAll(kinora, demo));

beforeEach(() => demo.reset());

async function member(): Promise<Person> {
  return documented(await admin.member(`once${++count}@example.org`));
}

const FORM = { model: "sora2-landscape-10s", prompt: "one paper boat" };

function generate(person: Person, key: string, form: object = FORM): Promise<Answer<any>> {
  return person.call("POST", "/api/v1/sora/generate", form, { "idempotency-key": key });
}

describe("In the studio", () => {
  test("[GW-11 ST-1] The same key and words are one job, whatever has become of it", async () => {
    const person = await member();
    const first = await generate(person, "boat-1");
    assert.equal(first.status, 202);
    const again = await generate(person, "boat-1");
    assert.deepEqual([again.status, again.body], [first.status, first.body]);
    assert.equal((await person.ended(first.body.generation_id)).status, "completed");
    assert.deepEqual((await generate(person, "boat-1")).body, first.body);
    assert.equal((await person.ask("GET", "/api/v1/sora/generations")).total, 1);
    assert.equal((await demo.state()).submissions.received, 1);
  });

  test("[GW-11] Another body under the same key is 422, in both languages", async () => {
    const person = await member();
    const { body } = await generate(person, "boat-2");
    for (const language of ["zh", "en"] as const) {
      person.language = language;
      const other = await generate(person, "boat-2", { ...FORM, prompt: "two paper boats" });
      assertError(other, 422, "idempotency_mismatch", language);
    }
    await person.ended(body.generation_id);
    assert.equal((await person.ask("GET", "/api/v1/sora/generations")).total, 1);
  });

  test("[GW-11] A key is its user's own", async () => {
    const [one, other] = [await member(), await member()];
    const ids = [await generate(one, "shared"), await generate(other, "shared")].map(
      (a) => a.body.generation_id,
    );
    assert.notEqual(ids[0], ids[1]);
    await Promise.all([one.ended(ids[0]), other.ended(ids[1])]);
  });

  test("[GW-11 ST-1] A hundred equal calls at once make one job, also where no place is left after it", async () => {
    const person = await member();
    await demo.fault({ prompt: "rush", times: 0, job: { duration_ms: 3600000 } });
    const form = { model: "sora2-landscape-10s", prompt: "rush" };
    const others = [await person.generate("rush"), await person.generate("rush")];
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => generate(person, "rush-1", form)),
    );
    const ids = new Set(answers.map((a) => a.body.generation_id));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [202]);
    assert.equal(ids.size, 1);
    assertError(await generate(person, "rush-2", form), 429, "too_many_jobs");
    for (const id of [...others, ...ids])
      await person.ask("DELETE", `/api/v1/sora/generations/${id}`);
    // A refused call has used up nothing.
    const later = await generate(person, "rush-2", form);
    assert.equal(later.status, 202);
    await person.ask("DELETE", `/api/v1/sora/generations/${later.body.generation_id}`);
  });

  test("[GW-11] Of a work that was deleted the key says that it is gone, and makes no other", async () => {
    const person = await member();
    const { body } = await generate(person, "boat-3");
    await person.ended(body.generation_id);
    await person.ask("DELETE", `/api/v1/sora/generations/${body.generation_id}`);
    assertError(await generate(person, "boat-3"), 410, "result_gone");
    assert.equal((await person.ask("GET", "/api/v1/sora/generations")).total, 0);
  });

  test("[GW-11] A key has 1 to 255 bytes", async () => {
    const person = await member();
    assertError(await generate(person, "k".repeat(256)), 400, "invalid_field");
    const { status, body } = await generate(person, "k".repeat(255));
    assert.equal(status, 202);
    await person.ended(body.generation_id);
  });

  test("[GW-11] Two keys in one request are refused, be they equal or not, and make nothing", async () => {
    const person = await member();
    for (const second of ["twice", "another"]) {
      const answer = await send(kinora.url, "POST", "/api/v1/sora/generate", {
        headers: {
          authorization: `Bearer ${person.token}`,
          "content-type": "application/json",
          "idempotency-key": ["twice", second],
        },
        body: JSON.stringify(FORM),
      });
      assertError(answer, 400, "bad_request");
    }
    assert.equal((await person.ask("GET", "/api/v1/sora/generations")).total, 0);
  });

  test("[GW-11 ST-3] The key outlives the process that took it", async () => {
    const person = await member();
    const first = await generate(person, "survivor");
    await kinora.kill();
    await kinora.launch();
    const again = await generate(person, "survivor");
    assert.deepEqual([again.status, again.body], [202, first.body]);
    await person.ended(first.body.generation_id);
    assert.equal((await person.ask("GET", "/api/v1/sora/generations")).total, 1);
  });
});

describe("For chat calls", () => {
  async function chat(key: string, token: string): Promise<Answer<any>> {
    const answer = await fetch(`${kinora.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": key,
      },
      body: JSON.stringify({ ...FORM, messages: [{ role: "user", content: "a boat" }] }),
    });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  }

  test("[GW-11 GW-10] A finished call is answered again for an hour; then its key says that the result is gone", async () => {
    const token = await admin.key();
    const first = await chat("chat-1", token);
    assert.equal(first.status, 200, JSON.stringify(first.body));
    const again = await chat("chat-1", token);
    assert.deepEqual([again.status, again.body.id], [200, first.body.id]);
    // What the janitor does after an hour.
    new Rows(kinora).change("DELETE FROM jobs WHERE kind = 'chat'");
    const late = await chat("chat-1", token);
    assert.equal(late.status, 410);
    assert.equal(late.body.error.code, "result_gone");
    assert.match(late.body.error.message, /no longer kept/);
    assert.equal((await demo.state()).submissions.received, 1);
  });
});
