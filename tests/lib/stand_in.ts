// SPDX-License-Identifier: Apache-2.0
// What the stand-ins of upstreams have in common: a server that writes down what it is asked, and a
// second one, of another origin, that serves the media and must never see a credential.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";

export interface Asked {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: any;
}

export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

// Enough of each for what reads the first bytes; the name makes every file different.
const BEGINNINGS = {
  video: { type: "video/mp4", bytes: "\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" },
  image: { type: "image/png", bytes: "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" },
};

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

export abstract class StandIn {
  url = "";
  mediaUrl = "";
  readonly asked: Asked[] = [];
  readonly mediaAsked: Asked[] = [];
  // Addresses that answer so instead of with a file.
  readonly dead = new Map<string, number>();
  // What is said to be held does not end before it is false.
  held = true;
  private readonly servers: Server[] = [];

  protected abstract answer(asked: Asked): Reply;

  async start(): Promise<this> {
    this.url = await this.serve(async (asked) => {
      this.asked.push(asked);
      const reply = this.answer(asked);
      return { ...reply, body: JSON.stringify(reply.body) };
    });
    this.mediaUrl = await this.serve(async (asked) => {
      this.mediaAsked.push(asked);
      const status = this.dead.get(asked.path);
      if (status) return { status, body: "no" };
      const kind = asked.path.endsWith(".png") ? BEGINNINGS.image : BEGINNINGS.video;
      const body = Buffer.concat([
        Buffer.from(kind.bytes, "latin1"),
        Buffer.alloc(256, `${asked.path} `),
      ]);
      return { status: 200, body, headers: { "content-type": kind.type } };
    });
    return this;
  }

  async stop(): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  // What was asked for, of a method and a path.
  requests(method: string, path: RegExp): Asked[] {
    return this.asked.filter((a) => a.method === method && path.test(a.path));
  }

  private async serve(respond: (asked: Asked) => Promise<Reply>): Promise<string> {
    const server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const text = Buffer.concat(pieces).toString();
      const { status, body, headers } = await respond({
        method: request.method!,
        path: request.url!,
        headers: request.headers,
        body: text ? JSON.parse(text) : undefined,
      });
      const bytes = Buffer.isBuffer(body) ? body : Buffer.from(String(body));
      response.writeHead(status, {
        "content-type": "application/json",
        "content-length": bytes.length,
        ...headers,
      });
      response.end(bytes);
    });
    this.servers.push(server);
    return listen(server);
  }
}
