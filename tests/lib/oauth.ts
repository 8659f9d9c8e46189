// SPDX-License-Identifier: Apache-2.0
// A certified OAuth server (npm's oidc-provider) on loopback, with rotation of refresh tokens, and
// a small API that only its access tokens open: as a program of its own and for tests.
//
// `node oauth.ts` runs it; OAuthServer.start() starts that and talks to it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "./kinora.ts";

const CLIENT = "kinora-web";
export const REDIRECT = "http://127.0.0.1:9/callback"; // nobody answers there
export const SCOPES = "openid offline_access";

export interface TokenCall {
  grant_type: string;
  status: number;
  refresh_token?: string;
}

// What the server has seen, and what it may be told: POST /control.
export interface Seen {
  calls: TokenCall[];
  api: { status: number; token: string }[];
}

export interface Orders {
  lifetime?: number; // seconds of an access token
  slow?: number; // ms before the token endpoint answers
  refuse?: string; // this access token opens nothing any more
  revoke?: boolean; // every refresh token is worth nothing
  clear?: boolean; // what was seen
}

export class OAuthServer {
  readonly issuer: string;
  private readonly child: ChildProcess;

  private constructor(issuer: string, child: ChildProcess) {
    this.issuer = issuer;
    this.child = child;
  }

  static async start(): Promise<OAuthServer> {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    for await (const line of createInterface({ input: child.stdout! })) {
      const ready = /^oauth ready (http:\S+)$/.exec(line);
      if (ready) return new OAuthServer(ready[1]!, child);
    }
    throw new Error("the OAuth server did not start");
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
  }

  // What an account of this server needs.
  get client() {
    return { issuer: this.issuer, client_id: CLIENT, scopes: SCOPES, redirect_uri: REDIRECT };
  }

  async order(orders: Orders = {}): Promise<Seen> {
    const answer = await fetch(`${this.issuer}/control`, {
      method: "POST",
      body: JSON.stringify(orders),
    });
    return (await answer.json()) as Seen;
  }

  async refreshes(): Promise<TokenCall[]> {
    return (await this.order()).calls.filter((c) => c.grant_type === "refresh_token");
  }

  // A person at the authorize address: signs in, allows, and is sent back. The address they reach.
  async signIn(authorizeUrl: string): Promise<string> {
    const jar = new Map<string, string>();
    let at = authorizeUrl;
    let form: string | undefined;
    for (let i = 0; i < 20; i++) {
      const answer: Response = await fetch(at, {
        method: form === undefined ? "GET" : "POST",
        redirect: "manual",
        headers: {
          cookie: [...jar].map(([k, v]) => `${k}=${v}`).join("; "),
          ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        },
        body: form,
      });
      for (const cookie of answer.headers.getSetCookie()) {
        const [pair] = cookie.split(";");
        const cut = pair!.indexOf("=");
        jar.set(pair!.slice(0, cut), pair!.slice(cut + 1));
      }
      const location = answer.headers.get("location");
      if (location) {
        at = new URL(location, at).toString();
        form = undefined;
        if (at.startsWith(REDIRECT)) return at;
        continue;
      }
      const page = await answer.text();
      const action = /action="([^"]+)"/.exec(page)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
      if (!action) throw new Error(`no form at ${at}: ${answer.status} ${page.slice(0, 300)}`);
      at = new URL(action.replaceAll("&amp;", "&"), at).toString();
      form = new URLSearchParams({ prompt: prompt ?? "", login: "ada", password: "x" }).toString();
    }
    throw new Error("the sign-in goes round in a circle");
  }
}

// ---- the program

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return text;
}

async function serve(): Promise<void> {
  const { Provider } = await import("oidc-provider");
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const state = { lifetime: 3600, slow: 0, refused: new Set<string>(), revoked: false };
  let seen: Seen = { calls: [], api: [] };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT,
        token_endpoint_auth_method: "none",
        redirect_uris: [REDIRECT],
        grant_types: ["authorization_code", "refresh_token"],
        application_type: "native",
      },
      {
        client_id: "confidential",
        client_secret: "s3cret / with:odd%signs",
        redirect_uris: [REDIRECT],
        grant_types: ["authorization_code", "refresh_token"],
        application_type: "native",
      },
    ],
    rotateRefreshToken: true,
    pkce: { required: () => true },
    ttl: { AccessToken: () => state.lifetime, Grant: 86400, Interaction: 600, Session: 86400 },
    cookies: { keys: ["a key of the tests"] },
    findAccount: (_ctx: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  });
  const handle = provider.callback();

  async function token(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await body(request));
    const call: TokenCall = {
      grant_type: form.get("grant_type") ?? "",
      refresh_token: form.get("refresh_token") ?? undefined,
      status: 0,
    };
    seen.calls.push(call);
    if (state.slow) await new Promise((resolve) => setTimeout(resolve, state.slow));
    answer.on("finish", () => (call.status = answer.statusCode));
    if (state.revoked && call.grant_type === "refresh_token") {
      answer.writeHead(400, { "content-type": "application/json" });
      answer.end('{"error":"invalid_grant"}');
      return;
    }
    // oidc-provider reads a body that somebody else has read from here.
    Object.assign(request, { body: Object.fromEntries(form) });
    await handle(request, answer);
  }

  // GET /v1/models and chat completions, for whoever has a token that is good now.
  async function api(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const found = await provider.AccessToken.find(given);
    const good = found?.isValid && !state.refused.has(given);
    await body(request);
    seen.api.push({ status: good ? 200 : 401, token: given });
    answer.writeHead(good ? 200 : 401, { "content-type": "application/json" });
    if (!good) answer.end('{"error":{"message":"The token is not valid.","code":"invalid_token"}}');
    else if (request.url!.endsWith("/models")) answer.end('{"object":"list","data":[{"id":"sora-2","object":"model"}]}');
    else answer.end('{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}');
  }

  async function control(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const orders = JSON.parse((await body(request)) || "{}") as Orders;
    state.lifetime = orders.lifetime ?? state.lifetime;
    state.slow = orders.slow ?? state.slow;
    state.revoked = orders.revoke ?? state.revoked;
    if (orders.refuse) state.refused.add(orders.refuse);
    if (orders.clear) seen = { calls: [], api: [] };
    answer.end(JSON.stringify(seen));
  }

  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url!, issuer);
    const part = pathname === "/control" ? control
      : pathname === "/token" ? token
      : /^\/(sora\/)?v1\//.test(pathname) ? api
      : handle;
    Promise.resolve(part(request, answer)).catch((e) => answer.destroy(e as Error));
  });
  server.listen(Number(new URL(issuer).port), "127.0.0.1");
  await once(server, "listening");
  console.log(`oauth ready ${issuer}`);
  process.on("SIGTERM", () => process.exit(0));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve();
