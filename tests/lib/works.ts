// SPDX-License-Identifier: Apache-2.0
// Answers of the studio's API as a test wants the page to see them: cards in every state, works in
// any number, words of any kind.
import type { Visitor } from "./browser.ts";

export interface Work {
  id: number;
  prompt: string;
  [field: string]: unknown;
}

const MINUTE = 60_000;
// Ids grow with time, and all of it is today's.
const made = (id: number) => new Date(Date.now() - 3_600_000 + id * 1000).toISOString();
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

// One dot, so that a picture needs no request.
export const DOT =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

// A finished picture in the store, but for what a test says otherwise.
export function work(id: number, fields: Record<string, unknown> = {}): Work {
  return {
    id,
    model: "gpt-image",
    prompt: `work ${id}`,
    media_type: "image",
    params: { video_count: 1, image_input: false },
    status: "completed",
    progress: 100,
    queue_position: null,
    eta_seconds: null,
    storage_type: "s3",
    storage_reason: null,
    media_url: DOT,
    media_urls: [DOT],
    download_urls: [DOT],
    poster_url: null,
    s3_object_keys: [],
    file_size_bytes: 12345,
    width: 1280,
    height: 720,
    duration_seconds: null,
    error_code: null,
    error_message: null,
    created_at: made(id),
    started_at: made(id),
    completed_at: made(id),
    expires_at: null,
    ...fields,
  };
}

export const FAILURES = ["upstream", "content_policy", "timeout", "quota", "account", "submission_unknown", "internal"];
const NONE = {
  model: "sora2-landscape-10s",
  media_type: "video", storage_type: "none", media_url: null, media_urls: [], download_urls: [] };
const NO_TIMES = { started_at: null, completed_at: null };

// A card in each state that a card can have.
export function everyState(): Work[] {
  const running = { ...NONE, status: "generating", completed_at: null };
  const link = { storage_type: "upstream", poster_url: DOT };
  const states: [string, Record<string, unknown>][] = [
    ["in line", { ...NONE, ...NO_TIMES, status: "pending", progress: 0, queue_position: 2, created_at: ago(0) }],
    ["begun", { ...running, progress: 64, eta_seconds: 70, started_at: ago(108_000), created_at: ago(109_000) }],
    ["slow", { ...running, progress: 40, started_at: ago(21 * MINUTE), created_at: ago(21 * MINUTE) }],
    ["in the cloud", {}],
    ["on this server", { storage_type: "local" }],
    ["link", { ...link, completed_at: ago(MINUTE) }],
    ["link, soon over", { ...link, completed_at: ago(13.5 * MINUTE) }],
    ["link, over", { ...link, completed_at: ago(20 * MINUTE) }],
    ["stopped", { ...NONE, status: "cancelled", progress: 10 }],
    ...FAILURES.map((error_code): [string, Record<string, unknown>] => [
      `failed, ${error_code}`,
      { ...NONE, status: "failed", error_code },
    ]),
  ];
  return states.map(([prompt, fields], n) => work(n + 1, { prompt, ...fields }));
}

// Lets the page see these works and no others, newest first, in pages.
export async function showWorks(v: Visitor, works: readonly Work[]): Promise<void> {
  await v.page.route(/\/api\/v1\/sora\/generations(\?|\/|$)/, (route) => {
    const url = new URL(route.request().url());
    const one = /generations\/(\d+)$/.exec(url.pathname);
    if (one) {
      const found = works.find((w) => w.id === Number(one[1]));
      return found
        ? route.fulfill({ json: found })
        : route.fulfill({ status: 404, json: { error: { code: "not_found", message: "" } } });
    }
    const asked = (name: string) => url.searchParams.get(name)?.split(",") ?? null;
    const fits = (w: Work, field: string) => asked(field)?.includes(String(w[field])) ?? true;
    const q = url.searchParams.get("q") ?? "";
    const found = works.filter(
      (w) => ["status", "storage_type", "media_type"].every((f) => fits(w, f)) && w.prompt.includes(q),
    );
    const page = Number(url.searchParams.get("page") ?? 1);
    const size = Number(url.searchParams.get("page_size") ?? 20);
    return route.fulfill({
      json: {
        data: found.slice((page - 1) * size, page * size),
        total: Math.min(found.length, 10_000),
        page,
        page_size: size,
      },
    });
  });
}
