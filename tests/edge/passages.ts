// SPDX-License-Identifier: Apache-2.0
// What passes through from an upstream to a client, brought to the point where the upstream has the
// request and nothing has been answered.
import { addAccount } from "./account.ts";
import type { Site } from "./site.ts";
import { addTaskAccount, askFor, mediaLink, mediaUpstream } from "./tasks.ts";
import { ask, type Caller, chatBody, Upstream, type Visit } from "./wire.ts";

export interface Call {
  upstream: Upstream;
  caller: Caller;
  visit: Visit;
  again(): Promise<[Caller, Visit]>; // another one like it
}

export interface Passage {
  name: string;
  what: string;
  id: string; // of the specification
  refusal: string; // the code of its 502
  headS: number; // that the upstream's head may take
  hasBody: boolean; // the request
  // The account serves the model alone, and has one slot.
  begin(at: Site, model: string, body?: number, onVisit?: (visit: Visit) => void): Promise<Call>;
}

const DIRECT: Passage = {
  name: "direct",
  what: "a direct call",
  id: "GW-7",
  refusal: "upstream_error",
  headS: 120,
  hasBody: true,
  begin: async (at, model, body = 0, onVisit) => {
    const upstream = await Upstream.start((visit, n) => n === 1 && onVisit?.(visit));
    await addAccount(at.admin, upstream.port, model, { concurrency: 1 });
    const caller = await ask(at, chatBody(model, body));
    const visit = await upstream.visit(1);
    const again = async (): Promise<[Caller, Visit]> => [
      await ask(at, chatBody(model)),
      await upstream.visit(2),
    ];
    return { upstream, caller, visit, again };
  },
};

const MEDIA: Passage = {
  name: "media",
  what: "a media link",
  id: "GW-9",
  refusal: "media_unavailable",
  headS: 60,
  hasBody: false,
  begin: async (at, model) => {
    const upstream = await mediaUpstream();
    await addTaskAccount(at.admin, upstream.port, model, { concurrency: 1 });
    const link = await mediaLink(at, model);
    const caller = await askFor(at, link);
    const visit = await upstream.visit(2);
    const again = async (): Promise<[Caller, Visit]> => [
      await askFor(at, link),
      await upstream.visit(3),
    ];
    return { upstream, caller, visit, again };
  },
};

export const PASSAGES = [DIRECT, MEDIA];
