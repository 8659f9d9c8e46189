// SPDX-License-Identifier: Apache-2.0
// An open stream of server-sent events.
import { eventually, type Person } from "./kinora.ts";

export interface Event {
  type: string;
  data: any;
}

export class Events {
  readonly seen: Event[] = [];
  status = 0;
  ended = false;
  private readonly abort = new AbortController();

  static async open(person: Person, path = "/api/v1/sora/events"): Promise<Events> {
    const events = new Events();
    const answer = await fetch(person.kinora.url + path, {
      headers: {
        authorization: `Bearer ${person.token}`,
        accept: "text/event-stream",
        "accept-language": person.language,
      },
      signal: events.abort.signal,
    });
    events.status = answer.status;
    void events.read(answer.body!);
    // Its first bytes say that the server listens for changes from now on.
    await eventually("the stream has begun", async () => events.begun || events.ended);
    return events;
  }

  private begun = false;

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    try {
      for await (const piece of body) {
        this.begun = true;
        text += decoder.decode(piece, { stream: true });
        const blocks = text.split("\n\n");
        text = blocks.pop()!;
        for (const block of blocks) this.take(block);
      }
    } catch {
      // Cut: by us, or by the server.
    }
    this.ended = true;
  }

  private take(block: string): void {
    const fields = block.split("\n").map((line) => /^(\w*): ?(.*)$/.exec(line));
    const type = fields.find((f) => f?.[1] === "event")?.[2];
    const data = fields.filter((f) => f?.[1] === "data").map((f) => f![2]);
    if (type && data.length) this.seen.push({ type, data: JSON.parse(data.join("\n")) });
  }

  until(what: string, wanted: (e: Event) => unknown): Promise<Event> {
    return eventually(what, async () => this.seen.find(wanted));
  }

  close(): void {
    this.abort.abort();
  }
}
