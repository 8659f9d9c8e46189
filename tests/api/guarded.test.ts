// SPDX-License-Identifier: Apache-2.0
// Links that an upstream gives for its works, and that lead inwards: a canary that listens on all
// addresses of this machine sees none of them. (tests/unit/test_fetch_guard.c has every form.)
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { Dns } from "../lib/dns.ts";
import { Fal } from "../lib/fal.ts";
import { Kinora, type Person } from "../lib/kinora.ts";

test("[AC-7] no link of an upstream's leads a job to an inner address", async () => {
  let reached = 0;
  let turns = 0;
  const canary = createServer((socket) => {
    reached++;
    socket.destroy();
  }).listen(0, "0.0.0.0");
  await once(canary, "listening");
  const { port } = canary.address() as { port: number };
  const dns = await new Dns({
    "inner.test": () => "127.0.0.1",
    "metadata.test": () => "169.254.169.254",
    "turning.test": () => (turns++ % 2 ? "127.0.0.1" : "10.255.255.1"),
  }).start();
  const fal = await new Fal().start();
  const kinora = await Kinora.start({ args: ["--resolver", dns.address] });
  try {
    const admin = await kinora.admin();
    await admin.ask("POST", "/api/v1/admin/accounts", {
      name: "fal",
      platform: "sora",
      type: "apikey",
      dialect: "fal",
      credentials: { base_url: fal.url, api_key: fal.key },
      group_ids: [1],
      models: ["film"],
      model_mapping: { film: "somebody/film" },
    });
    const links = [
      `http://127.0.0.1:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `http://inner.test:${port}/`,
      `http://turning.test:${port}/`,
      `http://localhost.:${port}/`,
      `http://metadata.test:${port}/latest`,
      // On the account's own origin, which may be private, and from there inwards.
      `${fal.url}/redirect?http://127.0.0.1:${port}/`,
      `${fal.url}/redirect?http://inner.test:${port}/`,
      `${fal.url}/redirect?${fal.url}/redirect?http://169.254.169.254:${port}/`,
    ];
    const names = ["a@example.org", "b@example.org", "c@example.org"];
    const people: Person[] = [];
    for (const name of names) people.push(await admin.member(name));
    await Promise.all(
      links.map(async (link, i) => {
        const prompt = `led inwards ${i}`;
        fal.links.set(prompt, link);
        const person = people[i % people.length];
        const g = await person.ended(await person.generate(prompt, { model: "film" }), 120);
        assert.notEqual(g.storage_type, "local", link);
      }),
    );
    assert.equal(reached, 0);
    assert.ok(dns.asked.includes("turning.test"), "names are asked of our server");
    for (const asked of fal.requests("GET", /^\/redirect/))
      assert.equal(asked.headers.authorization, undefined, asked.path);
  } finally {
    await kinora.stop();
    await fal.stop();
    dns.stop();
    canary.close();
  }
});
