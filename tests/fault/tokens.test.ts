// SPDX-License-Identifier: Apache-2.0
// kill -9 between the answer of a token endpoint and the commit of what it gave, and two processes
// on one database that need the same token.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, Kinora, Person } from "../lib/kinora.ts";
import { engines, POSTGRES, World, type Engine } from "./world.ts";

const ACCOUNTS = "/api/v1/admin/accounts";

// A token endpoint that rotates, and an API that opens to the newest token alone. `strict`: a
// refresh token that was used once is worth nothing, and neither is what came of it.
class Upstream {
  readonly used: string[] = [];
  strict = true;
  private number = 0;
  private readonly good = new Set(["refresh-0"]);
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, answer) => {
      let body = "";
      request.on("data", (piece) => (body += piece));
      request.on("end", () => {
        if (!request.url!.endsWith("/token")) {
          const known = request.headers.authorization === `Bearer access-${this.number}`;
          answer.writeHead(known && this.number ? 200 : 401, { "content-type": "application/json" });
          answer.end(known ? '{"object":"list","data":[]}' : '{"error":{"message":"no"}}');
          return;
        }
        const token = new URLSearchParams(body).get("refresh_token")!;
        this.used.push(token);
        const known = this.good.has(token);
        if (this.strict) this.good.delete(token);
        answer.writeHead(known ? 200 : 400, { "content-type": "application/json" });
        if (!known) return answer.end('{"error":"invalid_grant"}');
        const next = ++this.number;
        this.good.add(`refresh-${next}`);
        return answer.end(JSON.stringify({
          access_token: `access-${next}`, refresh_token: `refresh-${next}`, token_type: "Bearer", expires_in: 3600,
        }));
      });
    }).listen(0, "127.0.0.1");
  }

  async ready(): Promise<string> {
    if (!this.server.listening) await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

async function world(t: TestContext, engine: Engine) {
  const w = await World.start({ engine });
  const upstream = new Upstream();
  const url = await upstream.ready();
  t.after(async () => {
    await w.stop();
    upstream.stop();
  });
  return { w, upstream, url };
}

const form = (url: string) => ({
  name: "rotating",
  type: "oauth",
  dialect: "videos",
  credentials: { base_url: url, token_url: `${url}/token`, client_id: "c", refresh_token: "refresh-0" },
});

for (const engine of engines) {
  for (const strict of [true, false]) {
    const then = strict ? "asks for a new sign-in" : "goes on with the old refresh token";
    test(`[AC-3] a death between the token's answer and its commit ${then} (${engine})`, async (t) => {
      const { w, upstream, url } = await world(t, engine);
      upstream.strict = strict;
      const port = new URL(url).port;
      w.stopAt(`recv :${port} access_token go`, w.anyCommit);
      const { id } = await w.person.ask("POST", ACCOUNTS, form(url)).catch(() => ({ id: 1 }));
      await w.died();
      assert.deepEqual(upstream.used, ["refresh-0"]);
      w.rows.change("UPDATE account_tokens SET lease_until = 0 WHERE lease_until IS NOT NULL");
      await w.again();
      const look = () => w.person.ask("GET", `${ACCOUNTS}/${id}`);
      await eventually("the second try", async () => upstream.used.length === 2);
      assert.deepEqual(upstream.used, ["refresh-0", "refresh-0"]);
      if (strict) {
        const broken = await eventually("the error", async () => {
          const a = await look();
          return a.status === "error" && a;
        });
        assert.equal(broken.status_reason_code, "account_sign_in_again");
      } else {
        await eventually("the token", async () =>
          w.rows.one(`SELECT lease_owner FROM account_tokens WHERE account_id = ${id}`).lease_owner === null);
        const tested = await w.person.ask("POST", `${ACCOUNTS}/${id}/test`, {});
        assert.equal(tested.ok, true, JSON.stringify(tested));
      }
      assert.equal(upstream.used.length, 2);
    });
  }
}

test("[AC-3] a second death with the same refresh token asks for a new sign-in", async (t) => {
  const { w, upstream, url } = await world(t, "sqlite");
  const { id } = await w.person.ask("POST", ACCOUNTS, form(url));
  await eventually("a token", async () => upstream.used.length === 1);
  await eventually("its commit", async () =>
    w.rows.one(`SELECT lease_owner FROM account_tokens WHERE account_id = ${id}`).lease_owner === null);
  w.rows.change(`UPDATE account_tokens SET refresh_at = 1, unfinished = 1, lease_owner = 'dead', lease_until = 1`);
  await eventually("the error", async () =>
    (await w.person.ask("GET", `${ACCOUNTS}/${id}`)).status === "error");
  assert.equal(upstream.used.length, 1);
});

test("[AC-3] two processes on one database make one renewal",
  { skip: POSTGRES ? false : "needs KINORA_TEST_POSTGRES" },
  async (t) => {
    const { w, upstream, url } = await world(t, "postgres");
    const { id } = await w.person.ask("POST", ACCOUNTS, form(url));
    await eventually("a token", async () =>
      (await w.person.ask("GET", `${ACCOUNTS}/${id}`)).credentials.access_token_set);
    const data = mkdtempSync(join(tmpdir(), "kinora-node-"));
    cpSync(w.kinora.data, data, { recursive: true, filter: (from) => !from.endsWith("/media") });
    const other = await Kinora.start({ data, database: w.kinora.database, args: ["--drain", "5"] });
    t.after(() => other.stop());
    const there = new Person(other, w.person.token, w.person.user);
    const before = upstream.used.length;
    w.rows.change("UPDATE account_tokens SET expires_at = 1");
    // Who changes an account has read all of them anew: each of the two knows that the token has ended.
    for (const person of [w.person, there])
      await person.ask("PATCH", `${ACCOUNTS}/${id}`, { name: `expired for ${person.kinora.pid}` });
    const tests = await Promise.all(Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? there : w.person).ask("POST", `${ACCOUNTS}/${id}/test`, {})));
    assert.deepEqual([...new Set(tests.map((a) => a.ok))], [true], JSON.stringify(tests));
    assert.equal(upstream.used.length, before + 1);
  });
