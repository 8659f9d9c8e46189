// SPDX-License-Identifier: Apache-2.0
// Every view of the page with its dialogs and menus, for tests that look at all of them.
import type { Visitor } from "./browser.ts";

interface View {
  path: string;
  // What is there once the view is; without it a heading.
  shown?: string;
  // What can be opened on it: the opener, which may be a key, something of what it opens, and the
  // widths that have the opener.
  opens?: [opener: string, shown: string, widths?: { from?: number; to?: number }][];
}

export const VIEWS = {
  // Nobody has signed in, and the server lets people register.
  guest: [
    { path: "/login", shown: "login-submit" },
    { path: "/register", shown: "register-submit" },
    { path: "/setup" },
    { path: "/oauth/callback?code=one&state=two", shown: "oauth-copy-address" },
  ],
  // Someone who has nothing yet.
  newcomer: [
    { path: "/dashboard", shown: "dashboard-storage" },
    { path: "/sora", shown: "timeline-empty" },
    { path: "/sora/library", shown: "library-empty" },
    { path: "/keys", shown: "keys-page" },
    { path: "/uploads", shown: "upload-drop" },
  ],
  // The administrator of a busy server.
  admin: [
    {
      path: "/dashboard",
      shown: "stats-causes",
      opens: [
        ["user-menu", "user-menu-shortcuts", { from: 861 }],
        ["open-menu", "sidebar", { to: 860 }],
        ["?", "shortcuts"],
      ],
    },
    {
      path: "/sora",
      shown: "job-card",
      opens: [
        ["model-menu", "model-option-sora2"],
        ["format-chip", "sheet-duration", { to: 640 }],
        ["reference-uploads", "upload-picker"],
        ["job-cancel", "confirm"],
        ["job-more", "job-more-copy"],
      ],
    },
    { path: "/sora/library", shown: "library-tile", opens: [["tile-open", "preview"]] },
    { path: "/sora/library?q=404", shown: "library-no-match" },
    { path: "/keys", shown: "key-row", opens: [["key-add", "key-dialog"]] },
    { path: "/uploads", shown: "upload-tile", opens: [["upload-open", "upload-dialog"]] },
    { path: "/account", shown: "account-page", opens: [["avatar-choose", "upload-picker"]] },
    {
      path: "/admin/users",
      shown: "user-row",
      opens: [
        ["user-add", "user-dialog"],
        ["user-menu-row", "user-menu-row-edit"],
      ],
    },
    {
      path: "/admin/groups",
      shown: "group-row",
      opens: [
        ["group-add", "group-dialog"],
        ["group-menu", "group-menu-edit"],
      ],
    },
    {
      path: "/admin/accounts",
      shown: "account-row",
      opens: [
        ["account-add", "account-dialog"],
        ["account-menu", "account-menu-test"],
      ],
    },
    { path: "/admin/accounts?dialog=new", shown: "account-dialog", opens: [["tab-oauth", "oauth-issuer"]] },
    { path: "/admin/jobs", shown: "job-row" },
    { path: "/admin/audit", shown: "audit-row" },
    {
      path: "/admin/settings",
      shown: "settings-s3",
      opens: [
        ["model-add", "model-dialog"],
        ["rule-add", "rule-dialog"],
      ],
    },
    { path: "/nowhere" },
  ],
} satisfies Record<string, View[]>;

export type Who = keyof typeof VIEWS;

// What says what did not load, and offers to try again, when the server answers nothing but 503.
export const FAILING = [
  ...["/dashboard", "/sora", "/sora/library", "/keys", "/uploads"],
  ...["users", "groups", "accounts", "jobs", "audit", "settings"].map((list) => `/admin/${list}`),
];

// Goes to each view and looks at it and at what opens on it. `before` is called with the number of
// the view before anyone goes there.
export async function tour(
  v: Visitor,
  who: Who,
  look: (name: string) => Promise<void>,
  before: (n: number) => Promise<void> = async () => {},
): Promise<void> {
  const views: View[] = VIEWS[who];
  for (const [n, { path, shown, opens = [] }] of views.entries()) {
    await before(n);
    await v.go(path);
    if (shown) await v.see(shown);
    else await v.page.locator("h1").first().waitFor();
    await look(`${who} ${path}`);
    const { width } = v.page.viewportSize()!;
    for (const [opener, opened, { from = 0, to = Infinity } = {}] of opens) {
      if (width < from || width > to) continue;
      if (opener.length === 1) await v.page.keyboard.press(opener);
      else await v.at(opener).first().click();
      await v.see(opened);
      await look(`${who} ${path} ${opened}`);
      await v.page.keyboard.press("Escape");
      await v.gone(opened);
    }
  }
}

// As a person would, in the library: on a touch screen there is nothing to hover.
export async function removeWork(v: Visitor, prompt: string): Promise<void> {
  const tile = v.at("library-tile").filter({ hasText: prompt });
  if (v.screen.touch) {
    await v.at("tile-open", tile).tap();
    await v.click("preview-delete");
  } else {
    await tile.hover();
    await v.at("tile-delete", tile).click();
  }
}
