// SPDX-License-Identifier: Apache-2.0
// A stand-in for fal's queue, with the traps of its documents. What becomes of a request is said by
// words in its prompt:
//   "refused"    the submission is answered 422, a list of errors
//   "busy"       the submission is answered 429 with Retry-After, once
//   "error"      COMPLETED carries an error
//   "policy"     COMPLETED, and the result is the model's 422
//   "gateway"    the result is 504 once, then there
//   "elsewhere"  the three addresses name another host
//   "empty"      a result without files
//   "held"       it is not done before `held` is false
import { StandIn, type Asked, type Reply } from "./stand_in.ts";

interface Request {
  id: string;
  app: string;
  input: Record<string, any>;
  looks: number;
  results: number;
  cancelled: boolean;
}

const KEY = "fal-key";
const detail = (status: number, what: unknown): Reply => ({ status, body: { detail: what } });
const fault = (type: string, msg: string) => [{ loc: ["body", "prompt"], msg, type, input: "" }];

export class Fal extends StandIn {
  readonly key = KEY;
  readonly made: Request[] = [];
  // The film's address, by the prompt, instead of one of ours.
  readonly links = new Map<string, string>();
  private busy = 0;

  protected answer(asked: Asked): Reply {
    const to = /^\/redirect\?(.*)$/.exec(asked.path)?.[1];
    if (to) return { ...detail(302, "elsewhere"), headers: { location: to } };
    if (asked.headers.authorization !== `Key ${KEY}`) return detail(401, "Authentication is required");
    const parts = asked.path.split("?")[0].split("/").slice(1);
    const at = parts.indexOf("requests");
    if (at < 0) return asked.method === "POST" ? this.submit(parts, asked) : detail(405, "Method Not Allowed");
    // Only owner and app: the model's sub-path is no part of it.
    const found = this.made.find((r) => r.id === parts[at + 1] && r.app === parts.slice(0, at).join("/"));
    if (!found) return detail(404, "Request not found");
    if (asked.method === "PUT" && parts[at + 2] === "cancel") return this.cancel(found);
    return parts[at + 2] === "status" ? this.status(found) : this.result(found);
  }

  private submit(parts: string[], asked: Asked): Reply {
    const prompt = String(asked.body?.prompt ?? "");
    if (!prompt) return detail(422, fault("missing", "field required"));
    if (prompt.includes("refused")) return detail(422, fault("value_error", "the prompt was not liked"));
    if (prompt.includes("busy") && this.busy++ === 0)
      return { ...detail(429, "Too many requests"), headers: { "retry-after": "1" } };
    const made: Request = {
      id: `req-${this.made.length + 1}`,
      app: parts.slice(0, 2).join("/"),
      input: asked.body,
      looks: 0,
      results: 0,
      cancelled: false,
    };
    this.made.push(made);
    const origin = prompt.includes("elsewhere") ? this.mediaUrl : this.url;
    const address = `${origin}/${made.app}/requests/${made.id}`;
    return {
      status: 200,
      body: {
        status: "IN_QUEUE",
        request_id: made.id,
        response_url: address,
        status_url: `${address}/status`,
        cancel_url: `${address}/cancel`,
        queue_position: 1,
      },
    };
  }

  private status(made: Request): Reply {
    const body: Record<string, unknown> = { request_id: made.id, status: "COMPLETED" };
    const prompt = String(made.input.prompt);
    made.looks++;
    if (made.looks === 1) return { status: 202, body: { ...body, status: "IN_QUEUE", queue_position: 0 } };
    if (this.held && prompt.includes("held"))
      return { status: 202, body: { ...body, status: "IN_PROGRESS", logs: [] } };
    if (prompt.includes("error"))
      Object.assign(body, { error: "The runner gave up", error_type: "runner_server_error" });
    return { status: 200, body };
  }

  private result(made: Request): Reply {
    const prompt = String(made.input.prompt);
    if (made.looks < 2) return detail(400, "Request is still in progress");
    if (prompt.includes("policy"))
      return detail(422, fault("content_policy_violation", "The content was flagged by a content checker."));
    if (prompt.includes("gateway") && made.results++ === 0) return detail(504, "Gateway Timeout");
    if (prompt.includes("empty")) return { status: 200, body: { seed: 1 } };
    const given = this.links.get(prompt);
    if (given) return { status: 200, body: { video: { url: given } } };
    const link = `${this.mediaUrl}/files/${made.id}`;
    if (prompt.includes("link dies") && made.results++ === 0) {
      this.dead.set(`/files/${made.id}-old.png`, 404);
      return { status: 200, body: { images: [{ url: `${link}-old.png`, content_type: "image/png" }] } };
    }
    if (made.app.includes("flux")) {
      const n = made.input.num_images ?? 1;
      const image = (i: number) => ({ url: `${link}-${i}.png`, content_type: "image/png" });
      return { status: 200, body: { images: Array.from({ length: n }, (_, i) => image(i)), seed: 7 } };
    }
    return { status: 200, body: { video: { url: `${link}.mp4`, content_type: "video/mp4" }, seed: 7 } };
  }

  private cancel(made: Request): Reply {
    if (made.looks > 1 && !this.held) return { status: 400, body: { status: "ALREADY_COMPLETED" } };
    made.cancelled = true;
    return { status: 202, body: { status: "CANCELLATION_REQUESTED" } };
  }
}
