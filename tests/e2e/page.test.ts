// SPDX-License-Identifier: Apache-2.0
// The page for itself: addresses, keys, what it says to someone who looks elsewhere, what happens
// when the line breaks, and how it stays small and safe whatever it has to show.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { violations } from "../lib/axe.ts";
import { atDesk, FULL, inWindow, onPhone, Stage, type Visitor } from "../lib/browser.ts";
import { tooWide } from "../lib/faults.ts";
import { HOSTILE } from "../lib/hostile.ts";
import { eventually } from "../lib/kinora.ts";
import { DOT, everyState, FAILURES, showWorks, work } from "../lib/works.ts";

const stage = await Stage.open("page");
const { admin, demo } = stage;
await admin.account(demo, "chat");
await demo.fault({ name: "slow", route: "chat", prompt: "slowly", times: 0, job: { duration_ms: 3_600_000 } });
// The upstream draws its film once; on a busy machine that takes longer than anyone here waits.
await admin.ended(await admin.generate("the first film"));

const query = (v: Visitor) => new URL(v.page.url()).search;
const works = (n: number) =>
  Array.from({ length: n }, (_, i) => work(n - i, { width: i % 3 ? 1280 : 720, created_at: new Date(2e12 - i * 6e4).toISOString() }));

inWindow(stage, "[UI-7] every filter, search and work of the library has an address", async (enter) => {
  const v = await enter({ person: admin });
  await showWorks(v, [work(9, { prompt: "a kettle" }), work(8, { prompt: "a kite" }), work(7, { prompt: "a kettle, again" })]);
  await v.go("/sora/library");
  await v.click("filter-image");
  await v.fill("library-search", "again");
  await eventually("one work", async () => (await v.at("library-tile").count()) === 1);
  assert.equal(query(v), "?kind=image&q=again");
  await v.at("tile-open").click();
  await v.see("preview-prompt", "a kettle, again");
  assert.equal(query(v), "?kind=image&q=again&work=7");
  await v.page.reload();
  await v.see("preview-prompt", "a kettle, again");
  await v.page.keyboard.press("Escape");
  await v.gone("preview");
  assert.equal(await v.at("library-search").inputValue(), "again");
  assert.equal(await v.at("library-tile").count(), 1);
  // Not among those that are shown, and none of this person's.
  await v.go("/sora/library?q=kettle&work=8");
  await v.see("preview-prompt", "a kite");
  v.allow(/^GET \/api\/v1\/sora\/generations\/404 404$/);
  await v.go("/sora/library?work=404");
  await v.see("toast", v.words("library.gone"));
});

inWindow(stage, "[UI-4] every job has an address in the timeline, however old it is", async (enter) => {
  const v = await enter({ person: admin });
  await showWorks(v, works(200));
  await v.go("/sora?job=3");
  const card = v.at("job-card").filter({ hasText: "work 3" }).and(v.page.locator("#job-3"));
  await eventually("the card has the focus", () => card.evaluate((e) => e === document.activeElement));
  await eventually("it is in view", () =>
    card.evaluate((e) => e.getBoundingClientRect().top < innerHeight && e.getBoundingClientRect().bottom > 0),
  );
  await v.go("/sora/library?work=1");
  await v.see("preview");
});

inWindow(stage, "[UI-8] the dialogs of keys, accounts, users and groups have an address", async (enter) => {
  const v = await enter({ person: admin, path: "/keys?dialog=new" });
  await v.see("key-dialog");
  await v.page.keyboard.press("Escape");
  await v.gone("key-dialog");
  assert.equal(query(v), "");
  await v.click("key-add");
  await v.see("key-dialog");
  if (!v.screen.touch) await v.page.locator('[data-testid="key-name"]:focus').waitFor();
  assert.equal(query(v), "?dialog=new");
  await v.page.goBack();
  await v.gone("key-dialog");

  const account = (await admin.ask("GET", "/api/v1/admin/accounts")).data[0];
  await v.go(`/admin/accounts?dialog=${account.id}`);
  await v.see("account-dialog");
  assert.equal(await v.at("account-name").inputValue(), account.name);
  await v.page.reload();
  await v.see("account-dialog");
  await v.page.keyboard.press("Escape");
  await v.gone("account-dialog");
  await v.go("/admin/accounts?dialog=new");
  await v.see("account-dialog");
  assert.equal(await v.at("account-name").inputValue(), "");

  const [group] = (await admin.ask("GET", "/api/v1/admin/groups")).data;
  for (const [list, kind, field, id, value] of [
    ["users", "user", "user-email", admin.user.id, admin.user.email],
    ["groups", "group", "group-name", group.id, group.name],
  ] as const) {
    await v.go(`/admin/${list}?dialog=${id}`);
    await v.see(`${kind}-dialog`);
    assert.equal(await v.at(field).inputValue(), value);
    await v.page.keyboard.press("Escape");
    await v.gone(`${kind}-dialog`);
    assert.equal(query(v), "");
    await v.click(`${kind}-add`);
    await v.see(`${kind}-dialog`);
    assert.equal(await v.at(field).inputValue(), "");
    assert.equal(query(v), "?dialog=new");
    await v.page.goBack();
    await v.gone(`${kind}-dialog`);
  }
});

atDesk(stage, "[UI-3, UI-7] the keyboard searches, helps, goes from work to work and closes", async (enter) => {
  const v = await enter({ person: admin });
  await showWorks(v, works(40));
  await v.go("/keys");
  await v.see("keys-page");
  await v.page.keyboard.press("?");
  await v.see("shortcuts", v.words("keyboard.search"));
  await v.page.keyboard.press("Escape");
  await v.gone("shortcuts");
  await v.page.keyboard.press("/");
  const search = await v.see("library-search");
  await eventually("the search has the focus", () => search.evaluate((e) => e === document.activeElement));
  await v.page.keyboard.type("/?");
  assert.equal(await search.inputValue(), "/?");
  await search.fill("");
  const focused = () =>
    v.page.evaluate(() => Number(document.activeElement?.closest<HTMLElement>("[data-id]")?.dataset.id ?? 0));
  await v.see("library-tile");
  await v.page.locator('[data-id="40"] [data-testid="tile-open"]').focus();
  await v.page.keyboard.press("ArrowRight");
  await eventually("the next work", async () => (await focused()) === 39);
  for (let n = 0; n < 6; n++) await v.page.keyboard.press("ArrowDown");
  await eventually("a work further down", async () => (await focused()) < 25);
  await v.page.keyboard.press("Home");
  await eventually("the first again", async () => (await focused()) === 40);
  await v.page.keyboard.press("Enter");
  await v.see("preview-prompt", "work 40");
  await v.page.keyboard.press("ArrowRight");
  await v.see("preview-prompt", "work 39");
  await v.page.keyboard.press("Escape");
  await v.gone("preview");
});

inWindow(stage, "[UI-7] a library of any length stays small, and loads as it is scrolled", async (enter) => {
  const total = FULL ? 10_000 : 1000;
  const v = await enter({ person: admin });
  await showWorks(v, works(total));
  await v.go("/sora/library");
  await v.see("library-tile");
  let most = 0;
  await eventually(
    "the last work",
    async () => {
      most = Math.max(most, await v.page.evaluate(() => document.querySelectorAll("*").length));
      await v.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
      return v.page.evaluate(() => document.querySelector('[data-id="1"]') !== null);
    },
    80,
  );
  assert.ok(most <= 1500, `${most} elements`);
  await v.page.evaluate(() => scrollTo(0, 0));
  await v.see("library-tile", `work ${total}`);
});

onPhone(stage, "[UI-4, V-6] a link that closes counts down, turns red, tells in time, and ends", async (enter) => {
  const finished = (ago: number) => new Date(Date.now() - ago * 1000).toISOString();
  const link = { storage_type: "upstream" };
  const v = await enter({ person: admin });
  await showWorks(v, [
    work(1, { ...link, prompt: "plenty", completed_at: finished(60) }),
    work(2, { ...link, prompt: "soon", completed_at: finished(11 * 60) }),
    work(3, { ...link, prompt: "urgent", completed_at: finished(14 * 60) }),
    work(4, { ...link, prompt: "over", completed_at: finished(16 * 60) }),
    work(5, { ...link, prompt: "closing", completed_at: finished(15 * 60 - 5) }),
  ]);
  await v.go("/sora");
  await v.see("toast", v.words("sora.closesSoon", { prompt: "soon", n: 4 }));
  const left = async (prompt: string) => (await v.at("countdown", v.card(prompt)).textContent())!;
  assert.match(await left("plenty"), /^1[34]:\d\d$/);
  assert.match(await left("urgent"), /^0:[0-5]\d$/);
  const before = await left("plenty");
  await eventually("it counts", async () => (await left("plenty")) !== before);
  const red = (prompt: string) => v.card(prompt).locator(".leaves--danger").count();
  assert.deepEqual([await red("plenty"), await red("soon"), await red("urgent")], [0, 0, 1]);
  await v.cardIs("over", "expired");
  const closed = await v.cardIs("closing", "expired");
  await closed.getByText(v.words("card.state.expired")).waitFor();
  assert.equal(await v.at("countdown", closed).count(), 0);
});

onPhone(stage, "[UI-4, UI-7] a picture is shown whole where it was made, and large in the library", async (enter) => {
  const v = await enter({ person: admin });
  const prompt = "wordwithoutanyspace".repeat(9);
  await showWorks(v, [work(2, { prompt, width: 1024, height: 1024 }), work(1, { width: 720, height: 1280 })]);
  await v.go("/sora");
  const card = v.card(prompt);
  const stageOf = (await card.locator(".card__stage").boundingBox())!;
  assert.ok(Math.abs(stageOf.width - stageOf.height) < 2, "a square stage");
  const cut = await v.at("job-prompt", card).evaluate((e) => e.scrollWidth - e.clientWidth);
  assert.ok(cut <= 0, "a long word is broken");
  await v.at("card-open", card).click();
  await v.see("preview-prompt", prompt);
  await v.click("preview-older");
  await v.see("preview-prompt", "work 1");
  const media = (await v.page.locator(".preview__media").boundingBox())!;
  if (v.screen.sheet) assert.equal(Math.round(media.width), v.screen.width, "a tall one has all of the width");
});

inWindow(stage, "[UI-4, ST-8] every state of a job has its own card and words", async (enter) => {
  const v = await enter({ person: admin });
  await showWorks(v, everyState());
  await v.go("/sora");
  await v.card("in line").getByText(v.words("card.inLine", { place: v.words("card.place.two", { n: 2 }) })).waitFor();
  await v.card("begun").getByText(v.words("card.minutesLeft", { n: 1 })).waitFor();
  await v.card("slow").getByText(v.words("card.slow")).waitFor();
  await v.card("in the cloud").getByText(v.words("card.state.saved")).waitFor();
  for (const code of FAILURES) {
    const reason = v.words(`failure.${code}.name`);
    await v.at("job-card").getByText(v.words("card.failedAs", { reason })).waitFor();
  }
  await v.card("submission_unknown").getByText(v.words("failure.submission_unknown.text")).waitFor();
  await v.at("refresh").getByText(v.pattern("sora.updated", { ago: /.+/ })).waitFor();

  const offers: [state: string, actions: string[]][] = [
    ["pending", ["job-cancel"]],
    ["generating", ["job-cancel"]],
    ["saved", ["job-download", "job-use-prompt", "job-more"]],
    ["local", ["job-download", "job-use-prompt", "job-more"]],
    ["link", ["job-save", "job-download", "job-more"]],
    ["expired", ["job-again", "job-delete"]],
    ["cancelled", ["job-again", "job-delete"]],
    ["failed", ["job-edit-retry", "job-retry", "job-delete"]],
  ];
  for (const [state, actions] of offers) {
    const card = v.page.locator(`[data-testid="job-card"][data-state="${state}"]`).first();
    const buttons = await card.locator(".card__actions button").all();
    assert.deepEqual(await Promise.all(buttons.map((b) => b.getAttribute("data-testid"))), actions, state);
  }
  const save = v.at("job-save", v.page.locator('[data-state="link"]').first());
  assert.equal(await save.getAttribute("aria-disabled"), "true");
  await save.hover();
  await v.page.getByRole("tooltip").getByText(v.words("card.saveOff")).waitFor();
});

inWindow(stage, "[UI-2] the bar has two tabs and how full the store is, which turns yellow, then stops Generate", async (enter) => {
  const GIB = 1024 ** 3;
  let used = 2.1 * GIB;
  const v = await enter({ person: await stage.newcomer(), colorScheme: "light" });
  await v.page.route("**/api/v1/sora/quota", (route) => {
    const figures = { quota_bytes: 5 * GIB, used_bytes: used, available_bytes: 5 * GIB - used, quota_source: "user" };
    return route.fulfill({ json: figures });
  });
  const becomes = async (bytes: number, tone: string, words: string) => {
    used = bytes;
    await v.go("/sora");
    const bar = await v.see("quota-bar", words);
    assert.equal(await bar.getAttribute("data-tone"), tone);
  };
  await becomes(2.1 * GIB, "paper", "2.1 GB / 5 GB");
  assert.deepEqual(await v.at("sora-bar").getByRole("link").allInnerTexts(), [v.words("sora.generate"), v.words("sora.library")]);
  await v.see(v.screen.drawer ? "open-menu" : "sidebar");
  assert.equal(await v.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
  await becomes(4.5 * GIB, "paper", "4.5 GB / 5 GB");
  await becomes(4.6 * GIB, "warn", v.words("quota.nearlyFull"));
  await v.fill("prompt-input", "a kite");
  assert.equal(await v.at("generate-button").getAttribute("aria-disabled"), "false");
  await becomes(5 * GIB, "danger", v.words("quota.full"));
  await v.fill("prompt-input", "a kite");
  assert.equal(await v.at("generate-button").getAttribute("aria-disabled"), "true");
  await v.at("generate-button").hover();
  await v.page.getByRole("tooltip").getByText(v.words("quota.fullHint")).waitFor();
});

inWindow(stage, "[UI-3] the prompt bar stays at the bottom, grows with its text, and has its models by kind", async (enter) => {
  const v = await enter({ person: admin });
  await showWorks(v, works(40));
  await v.go("/sora");
  await v.see("job-card");
  const place = async () => (await v.at("prompt-bar").boundingBox())!;
  const before = await place();
  const bottom = before.y + before.height;
  assert.ok(bottom <= v.screen.height && bottom > v.screen.height - 40, `ends at ${bottom}`);
  await v.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  assert.deepEqual(await place(), before);
  await v.fill("prompt-input", "line\n".repeat(8));
  const grown = await place();
  assert.ok(grown.height > before.height + 60, `${before.height} → ${grown.height}`);
  await v.fill("prompt-input", "line\n".repeat(200));
  const most = (await v.at("prompt-input").boundingBox())!.height;
  assert.ok(most <= 0.4 * v.screen.height + 1, `${most} px`);
  await v.click("model-menu");
  const kind = (name: string) => v.page.getByRole("group", { name, exact: true }).getByRole("menuitemradio");
  await v.page.locator('[data-testid="model-option-gpt-image"]').waitFor();
  assert.deepEqual(await v.page.locator(".menu__label").allInnerTexts(), [v.words("media.video"), v.words("media.image")]);
  assert.ok((await kind(v.words("media.video")).count()) >= 3);
  assert.ok((await kind(v.words("media.image")).count()) >= 1);
});

// The system's own notifications as this page would send them, and a window that is looked away from.
async function watchNotifications({ page }: Visitor): Promise<void> {
  await page.addInitScript(() => {
    const own = window as unknown as Record<string, unknown>;
    let away = false;
    Object.defineProperty(document, "hidden", { get: () => away });
    own.lookAway = (next: boolean) => {
      away = next;
      document.dispatchEvent(new Event("visibilitychange"));
    };
    const shown: object[] = (own.shown = []);
    own.Notification = class {
      static permission = "granted";
      onclick: (() => void) | null = null;
      constructor(title: string, { body }: { body: string }) {
        shown.push({ title, body });
        own.press = () => this.onclick?.();
      }
      close() {}
    };
  });
}

inWindow(stage, "[UI-5, V-15] a job that ends in the background is told, by the system and in the title", async (enter) => {
  const v = await enter({ person: await stage.newcomer(), path: "/sora", prepare: watchNotifications });
  const begin = async (prompt: string) => {
    await v.ask(prompt);
    const id = await (await v.cardIs(prompt, "generating")).getAttribute("data-id");
    const job = await eventually("the job upstream", async () => (await demo.jobs()).find((j) => j.prompt === prompt));
    return { id, job: job.id };
  };
  const named = (view: string) => [view, "nav.sora", "brand"].map((key) => v.words(key)).join(" · ");
  const ready = v.words("sora.notice.readyTitle");
  const title = (text: string) => eventually(`the title "${text}"`, async () => (await v.page.title()) === text);
  const notices = (count: number) =>
    eventually(`${count} notices`, () =>
      v.page.evaluate((n) => {
        const { shown } = window as unknown as { shown: object[] };
        return shown.length === n && shown;
      }, count),
    );
  // Each screen has its own: the upstream remembers the others'.
  const [bright, brief] = ["comet", "meteor"].map((what) => `a ${what} at ${v.screen.name}, slowly`) as [string, string];
  const comet = await begin(bright);
  const meteor = await begin(brief);
  await v.click("tab-library");
  await title(named("sora.library"));
  await v.page.evaluate("lookAway(true)");
  await demo.steer(comet.job, { finish: true });
  assert.deepEqual(await notices(1), [{ title: ready, body: bright }]);
  for (const text of [ready, named("sora.library"), ready]) await title(text);
  await demo.steer(meteor.job, { fail: "the kiln is cold" });
  const [, failed] = await notices(2);
  assert.deepEqual(failed, { title: v.words("sora.notice.failedTitle"), body: brief });
  await v.page.evaluate("press()");
  await v.page.evaluate("lookAway(false)");
  await eventually("the job in the timeline", async () => v.page.url().endsWith(`/sora?job=${meteor.id}`));
  await v.cardIs(brief, "failed");
  await v.cardIs(bright, "local");
  await title(named("sora.generate"));
});

inWindow(stage, "[UI-5, V-6] where nothing is stored, a finished work is offered for download at once", async (enter) => {
  await admin.ask("PATCH", "/api/v1/admin/settings", { local_storage_enabled: false });
  try {
    const v = await enter({ person: await stage.newcomer(), path: "/sora" });
    await v.see("no-storage-warning", v.words("sora.noStorage"));
    await v.ask("a brief flash");
    const dialog = await v.see("download-dialog");
    await dialog.getByText(v.words("sora.closesIn")).waitFor();
    assert.deepEqual(await violations(v), []);
    await v.click("download-later");
    await v.gone("download-dialog");
    const card = await v.cardIs("a brief flash", "link");
    await v.at("countdown", card).waitFor();
    const asked = v.page.waitForEvent("dialog");
    const leaving = v.page.goto("/keys").catch(() => undefined);
    const question = await asked;
    assert.equal(question.type(), "beforeunload");
    await question.accept();
    await leaving;
    await v.see("keys-page");
  } finally {
    await admin.ask("PATCH", "/api/v1/admin/settings", { local_storage_enabled: true });
  }
});

inWindow(stage, "[UI-3, UI-5] a prompt is not lost to a broken line, nor sent twice by a reload", async (enter) => {
  const person = await stage.newcomer();
  const v = await enter({ person, path: "/sora" });
  await v.see("timeline-empty");
  v.allow(/^POST \/api\/v1\/sora\/generate net::ERR_/);
  await v.page.route("**/api/v1/sora/generate", (route) => route.abort());
  await v.ask("an echo");
  await v.see("toast", v.words("errors.noAnswer"));
  assert.equal(await v.at("prompt-input").inputValue(), "an echo");
  await v.page.unroute("**/api/v1/sora/generate");

  // Taken by the server, but the answer never comes, and the page is reloaded.
  let sent = 0;
  await v.page.route("**/api/v1/sora/generate", async (route) => {
    if (++sent > 1) await route.continue();
    else await route.fetch();
  });
  await v.click("generate-button");
  await eventually("the server has it", async () => (await person.ask("GET", "/api/v1/sora/generations")).total === 1);
  await v.page.reload();
  await v.cardIs("an echo", "local");
  await eventually("it was sent once more", async () => sent === 2);
  await eventually("one card", async () => (await v.at("job-card").count()) === 1);
  assert.equal((await person.ask("GET", "/api/v1/sora/generations")).total, 1);
  assert.equal(await v.at("prompt-input").inputValue(), "");
});

onPhone(stage, "[UI-1, ST-9] without a network the page says so, and catches up when it is back", async (enter, screen) => {
  const prompt = `a tide ${screen.name}`;
  const person = await stage.newcomer();
  const v = await enter({ person, path: "/sora" });
  v.allow(/net::ERR_INTERNET_DISCONNECTED$/);
  await v.see("timeline-empty");
  await v.context.setOffline(true);
  await v.see("offline", v.words("nav.offline"));
  await person.ended(await person.generate(prompt));
  await v.context.setOffline(false);
  await v.gone("offline");
  await v.cardIs(prompt, "local");
});

inWindow(stage, "[UI-3] an image can be dropped or pasted anywhere on the page", async (enter) => {
  const v = await enter({ person: admin, path: "/sora" });
  await v.see("prompt-bar");
  const give = (event: string, name: string, type: string) =>
    v.page.evaluate(
      async ([event, name, type, dot]) => {
        const bytes = Uint8Array.from(atob(dot.split(",")[1]), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], name, { type }));
        const init = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(
          event === "paste"
            ? new ClipboardEvent(event, { ...init, clipboardData: data })
            : new DragEvent(event, { ...init, dataTransfer: data }),
        );
      },
      [event, name, type, DOT],
    );
  await give("dragenter", "dot.png", "image/png");
  await v.see("drop-hint");
  await give("drop", "dot.png", "image/png");
  await v.gone("drop-hint");
  await v.see("reference-image");
  await v.click("reference-remove");
  await give("paste", "dot.png", "image/png");
  await v.see("reference-image");
  await give("drop", "words.txt", "text/plain");
  await v.see("toast", v.words("prompt.notAnImage"));
});

inWindow(stage, "[UI-1] the page can be installed, opens without a line, and stands in no newer one's way", async (enter) => {
  const kinora = await stage.another();
  const person = await kinora.admin();
  const v = await enter({ kinora, person, serviceWorker: true, path: "/keys" });
  await v.see("keys-page");
  const manifest = await v.page.evaluate(async () => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="manifest"]')!;
    const answer = await fetch(link.href);
    return { type: answer.headers.get("content-type"), ...(await answer.json()) };
  });
  assert.match(manifest.type, /^application\/manifest\+json/);
  assert.equal(manifest.display, "standalone");
  for (const { src, sizes, type } of manifest.icons as { src: string; sizes: string; type: string }[]) {
    const answer = await fetch(kinora.url + src);
    assert.equal(answer.headers.get("content-type"), type, src);
    if (type !== "image/png") continue;
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes, src);
  }
  const worker = await fetch(`${kinora.url}/sw.js`);
  assert.match(worker.headers.get("cache-control")!, /no-cache/);
  await eventually("a service worker", () =>
    v.page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state === "activated"),
  );
  await v.page.reload();
  await v.see("keys-page");
  await eventually("the page's files are kept", () =>
    v.page.evaluate(async () => (await (await caches.open("kinora-assets-1")).keys()).length > 5),
  );

  v.allow(/net::ERR_|^GET .* 50\d$/);
  await kinora.kill();
  await v.page.reload();
  await v.page.getByText(v.words("errors.startFailed")).waitFor();
  await v.see("retry");
  await kinora.launch();
  await v.click("retry");
  await v.see("keys-page");
  const answer = (await v.page.reload())!;
  assert.match(answer.headers()["content-security-policy"], /script-src 'self';/);
});

inWindow(stage, "[UI-9] a hundred hostile strings are shown as they are, and none of them runs", async (enter) => {
  assert.equal(HOSTILE.length, 100);
  const v = await enter({
    person: admin,
    prepare: async ({ page }) => {
      await page.addInitScript(() => {
        const page = window as unknown as Record<string, unknown>;
        page.ran = () => (page.hasRun = true);
      });
    },
  });
  v.page.on("dialog", (dialog) => void dialog.dismiss().then(() => assert.fail("a dialog")));
  const harmless = async (view: string) => {
    const ran = await v.page.evaluate(() => (window as unknown as Record<string, unknown>).hasRun ?? false);
    assert.equal(ran, false, view);
    assert.equal(new URL(v.page.url()).host, new URL(stage.kinora.url).host, view);
  };
  const shown = (selector: string) => v.page.locator(selector).allTextContents();

  const failed = { status: "failed", storage_type: "none", error_code: "upstream", media_urls: [], media_url: null };
  await showWorks(v, HOSTILE.map((text, n) => work(1000 - n, { ...failed, prompt: text, model: text, error_message: text })));
  await v.go("/sora");
  for (let n = 0; n < 4; n++) {
    await v.click("show-older");
    await eventually(`page ${n + 2}`, async () => (await v.at("job-card").count()) === 20 * (n + 2));
  }
  await eventually("what is in each card", async () => (await v.at("job-prompt").count()) === HOSTILE.length);
  assert.deepEqual(await shown('[data-testid="job-prompt"]'), HOSTILE);
  await harmless("timeline");

  await showWorks(v, HOSTILE.map((text, n) => work(1000 - n, { prompt: text, model: text, media_url: text, poster_url: null })));
  await v.go(`/sora/library?q=${encodeURIComponent(HOSTILE[1])}`);
  await v.see("library-tile");
  await v.at("tile-open").first().click();
  await v.see("preview");
  await harmless("preview");
  await v.go("/sora/library");
  await v.see("library-tile");
  await harmless("library");

  const made = "2026-11-22T00:00:00Z";
  const keys = HOSTILE.map((name, n) => ({
    ...{ id: n + 1, name, hint: "sk-", status: "active", group_id: 1, created_at: made },
    ...{ last_used_at: null, expires_at: null },
  }));
  await v.page.route(/\/api\/v1\/keys/, (route) =>
    route.fulfill({ json: { data: keys, total: 100, page: 1, page_size: 100 } }),
  );
  await v.go("/keys");
  await v.see("key-row");
  assert.deepEqual((await shown('[data-testid="key-row"] .name')).length, 100);
  assert.deepEqual(await shown('[data-testid="key-row"] .name'), HOSTILE);
  await harmless("keys");

  // What administrators see of others: names, addresses, models, what went wrong upstream.
  for (const [list, row, fields] of [
    ["groups", "group-row", ["name", "platform"]],
    ["users", "user-row", ["email"]],
    ["accounts", "account-row", ["name", "status_reason", "platform"]],
    ["jobs", "job-row", ["model", "public_id", "user_email", "account_name", "error_message"]],
  ] as const) {
    const address = `/api/v1/admin/${list}`;
    const [one] = (await admin.ask("GET", address)).data;
    const failed = list === "groups" ? {} : { status: list === "jobs" ? "failed" : list === "users" ? "active" : "error" };
    const data = HOSTILE.map((text, n) => {
      const words = Object.fromEntries(fields.map((field) => [field, text]));
      return { ...one, ...failed, ...words, id: n + 1 };
    });
    await v.page.route(new RegExp(`${address}(\\?|$)`), (route) => {
      const asked = new URL(route.request().url()).searchParams;
      const [page, size] = [Number(asked.get("page") ?? 1), Number(asked.get("page_size") ?? 20)];
      const part = data.slice((page - 1) * size, page * size);
      return route.fulfill({ json: { data: part, total: data.length, page, page_size: size } });
    });
    await v.go(`/admin/${list}`);
    await v.see(row);
    const seen = await shown(`[data-testid="${row}"] .name`);
    await harmless(list);
    for (const width of [1440, 1024, 768, 360, v.screen.width]) {
      await v.page.setViewportSize({ width, height: v.screen.height });
      await eventually(`${list} as wide as ${width}`, async () => (await tooWide(v)) <= 0);
    }
    while (seen.length < HOSTILE.length) {
      const before = await v.at(row).first().getAttribute("data-id");
      await v.click("page-next");
      await eventually("the next page", async () => (await v.at(row).first().getAttribute("data-id")) !== before);
      seen.push(...(await shown(`[data-testid="${row}"] .name`)));
      await harmless(list);
    }
    assert.deepEqual(seen, HOSTILE, list);
  }

  const policy = (await fetch(stage.kinora.url)).headers.get("content-security-policy")!;
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-/);
});

atDesk(stage, "[UI-1] plain words bring a third of the font, and the rest comes for who writes more", async (enter) => {
  const v = await enter({ person: stage.admin, path: "/dashboard" });
  const title = await v.page.locator("h1").first().elementHandle();
  const fonts = () =>
    v.page.evaluate(async () => {
      await document.fonts.ready;
      const files = performance.getEntriesByType("resource").map(({ name }) => /inter-\w+/.exec(name)?.[0]);
      return [...new Set(files)].filter(Boolean).sort();
    });
  await eventually("the small font", async () => (await fonts()).length > 0);
  assert.deepEqual(await fonts(), ["inter-first"]);
  await title!.evaluate((heading) => (heading.textContent = "José"));
  await eventually("both fonts", async () => isDeepStrictEqual(await fonts(), ["inter-first", "inter-latin"]));
});
