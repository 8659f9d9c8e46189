// SPDX-License-Identifier: Apache-2.0
// Every row of requests.ts against the program, and what stands beside it in nginx.json.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Kinora } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { Listener, playRequest } from "./play.ts";
import { REQUESTS } from "./requests.ts";

let kinora: Kinora;
let upstream: Listener;
let key: string;

before(async () => {
  upstream = await Listener.start();
  kinora = await Kinora.start({ args: ["--loops", "1"] });
  const admin = await kinora.admin();
  await addAccount(admin, upstream.port, "edge");
  key = await admin.key();
});

after(async () => {
  upstream.stop();
  await kinora.stop();
});

for (const group of new Set(REQUESTS.map((row) => row.group))) {
  describe(`[GW-7, GW-12] requests: ${group}`, () => {
    for (const row of REQUESTS.filter((r) => r.group === group)) {
      test(`${row.name} (RFC ${row.rfc})`, async () => {
        upstream.heard.length = 0;
        const { outcome, bytes, answers } = await playRequest(kinora.url, key, row);
        const seen = bytes.slice(0, 2000);
        assert.equal(outcome, row.answer, seen);
        assert.deepEqual(
          upstream.heard.map((h) => h.body),
          row.sees ?? [],
          "what the upstream got",
        );
        if (row.has) assert.match(bytes, row.has);
        for (const answer of answers.filter((a) => a.status >= 200)) {
          assert.match(answer.fields.get("x-request-id") ?? "", /./, seen);
          if (answer.status >= 400 && /json/.test(answer.fields.get("content-type") ?? ""))
            assert.equal(typeof JSON.parse(answer.body).error.message, "string", seen);
        }
      });
    }
  });
}
