// SPDX-License-Identifier: Apache-2.0
// A small real proxy on loopback: HTTP (CONNECT and absolute addresses) or SOCKS5, with a user
// name and a password where one is given; it may behave badly.
import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";

export type Manner = "work" | "refuse" | "garbage" | "silent" | "hang up";

export class Proxy {
  readonly kind: "http" | "socks5h";
  readonly password?: string;
  readonly targets: string[] = []; // that it was asked for, as host:port
  readonly heads: string[] = []; // of HTTP, as they came
  manner: Manner = "work";
  private readonly server: Server;
  private readonly open = new Set<Socket>();

  private constructor(kind: "http" | "socks5h", password?: string) {
    this.kind = kind;
    this.password = password;
    this.server = createServer((socket) => this.serve(socket));
  }

  static async start(kind: "http" | "socks5h", password?: string): Promise<Proxy> {
    const proxy = new Proxy(kind, password);
    proxy.server.listen(0, "127.0.0.1").unref();
    await once(proxy.server, "listening");
    return proxy;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    for (const socket of this.open) socket.destroy();
    await closed;
  }

  address(user = this.password ? `${this.password}@` : ""): string {
    const { port } = this.server.address() as { port: number };
    return `${this.kind}://${user}127.0.0.1:${port}`;
  }

  get connections(): number {
    return this.open.size;
  }

  private serve(socket: Socket): void {
    this.open.add(socket);
    socket.on("close", () => this.open.delete(socket));
    socket.on("error", () => {});
    if (this.manner === "hang up") socket.once("data", () => socket.destroy());
    else if (this.manner === "garbage") socket.once("data", () => socket.end("\0garbage\r\n".repeat(9)));
    else if (this.manner === "silent") socket.resume();
    else if (this.kind === "http") void this.serveHttp(socket);
    else void this.serveSocks(socket);
  }

  private async serveHttp(socket: Socket): Promise<void> {
    let text = Buffer.alloc(0);
    while (text.indexOf("\r\n\r\n") < 0) {
      const piece = await next(socket);
      if (!piece) return;
      text = Buffer.concat([text, piece]);
    }
    const end = text.indexOf("\r\n\r\n") + 4;
    const head = text.subarray(0, end).toString("latin1");
    const rest = text.subarray(end);
    this.heads.push(head);
    const auth = /^proxy-authorization: basic (.*)\r$/im.exec(head)?.[1] ?? "";
    if (this.manner === "refuse" || (this.password && atob(auth) !== this.password)) {
      const status = this.manner === "refuse" ? "403 Forbidden" : "407 Proxy Authentication Required";
      socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`);
      return;
    }
    const [method, target] = head.split(" ");
    if (method === "CONNECT") {
      this.join(socket, target, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"), rest);
      return;
    }
    const url = new URL(target);
    const own = head
      .replace(target, url.pathname + url.search)
      .replace(/^proxy-authorization:.*\r\n/im, "");
    this.join(socket, url.host, () => {}, Buffer.concat([Buffer.from(own, "latin1"), rest]));
  }

  private async serveSocks(socket: Socket): Promise<void> {
    const greeting = await next(socket); // loopback: a message is one piece
    if (!greeting) return;
    const method = this.password ? 2 : 0;
    if (!greeting.subarray(2).includes(method)) {
      socket.end(Buffer.from([5, 0xff]));
      return;
    }
    socket.write(Buffer.from([5, method]));
    if (method === 2) {
      const said = await next(socket);
      if (!said) return;
      const user = said.subarray(2, 2 + said[1]).toString();
      const word = said.subarray(3 + said[1]).toString();
      const known = `${user}:${word}` === this.password;
      socket.write(Buffer.from([1, known ? 0 : 1]));
      if (!known) {
        socket.end();
        return;
      }
    }
    const asked = await next(socket);
    if (!asked) return;
    const named = asked[3] === 3;
    const host = named
      ? asked.subarray(5, 5 + asked[4]).toString()
      : [...asked.subarray(4, 8)].join(".");
    const port = asked.readUInt16BE(named ? 5 + asked[4] : 8);
    const reply = (code: number) => socket.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]));
    if (this.manner === "refuse") {
      reply(2);
      socket.end();
      return;
    }
    this.join(socket, `${host}:${port}`, () => reply(0), Buffer.alloc(0));
  }

  private join(socket: Socket, target: string, ready: () => void, first: Buffer): void {
    const [host, port] = target.split(":");
    this.targets.push(target);
    const on = connect(Number(port), host);
    on.on("connect", () => {
      ready();
      on.write(first);
      socket.pipe(on).pipe(socket);
    });
    on.on("error", () => socket.destroy());
    on.on("close", () => socket.destroySoon());
    socket.on("close", () => on.destroy());
  }
}

async function next(socket: Socket): Promise<Buffer | null> {
  for (;;) {
    const piece = socket.read() as Buffer | null;
    if (piece) return piece;
    if (socket.destroyed || socket.readableEnded) return null;
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off("readable", done).off("close", done).off("end", done);
        resolve();
      };
      socket.on("readable", done).on("close", done).on("end", done);
    });
  }
}
