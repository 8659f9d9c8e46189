// SPDX-License-Identifier: Apache-2.0
// A small name server on loopback: A records from a table, which may change from one question to the
// next.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

export class Dns {
  address = "";
  readonly asked: string[] = [];
  private readonly socket: Socket = createSocket("udp4");
  private readonly names: Record<string, () => string>;

  constructor(names: Record<string, () => string>) {
    this.names = names;
  }

  async start(): Promise<this> {
    this.socket.on("message", (packet, from) => {
      const answer = this.answer(packet);
      if (answer) this.socket.send(answer, from.port, from.address);
    });
    this.socket.bind(0, "127.0.0.1");
    await once(this.socket, "listening");
    this.address = `127.0.0.1:${this.socket.address().port}`;
    return this;
  }

  stop(): void {
    this.socket.close();
  }

  private answer(packet: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    while (at < packet.length && packet[at] > 0) {
      labels.push(packet.subarray(at + 1, at + 1 + packet[at]).toString());
      at += 1 + packet[at];
    }
    const end = at + 5;
    if (end > packet.length) return undefined;
    const name = labels.join(".").toLowerCase();
    const known = this.names[name];
    const isA = packet[end - 3] === 1;
    if (isA) this.asked.push(name);
    const head = Buffer.from(packet.subarray(0, end));
    head[2] |= 0x84;
    head[3] = known ? 0x80 : 0x83;
    head.fill(0, 6, 12);
    if (!known || !isA) return head;
    head[7] = 1;
    const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...known().split(".").map(Number)];
    return Buffer.concat([head, Buffer.from(record)]);
  }
}
