// SPDX-License-Identifier: Apache-2.0
// Every view of the page with its dialogs and menus, for tests that look at all of them.
import type { Visitor } from "./browser.ts";

interface View {
  path: string;
  // What is there once the view is; without it a heading.
  shown?: string;
  // What can be opened on it: the opener, and something of what it opens.
  opens?: [opener: string, shown: string][];
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
    { path: "/dashboard", shown: "stats-causes" },
    {
      path: "/sora",
      shown: "job-card",
      opens: [
        ["model-menu", "model-option-sora2"],
        ["job-cancel", "confirm"],
        ["job-more", "job-more-copy"],
      ],
    },
    { path: "/sora/library", shown: "library-tile", opens: [["tile-open", "preview"]] },
    { path: "/keys", shown: "key-row", opens: [["key-add", "key-dialog"]] },
    { path: "/account", shown: "account-page" },
    { path: "/admin/users", shown: "user-row", opens: [["user-add", "user-dialog"]] },
    { path: "/admin/groups", shown: "group-row", opens: [["group-add", "group-dialog"]] },
    {
      path: "/admin/accounts",
      shown: "account-row",
      opens: [
        ["account-add", "account-dialog"],
        ["account-menu", "account-menu-test"],
      ],
    },
    { path: "/admin/jobs", shown: "job-row" },
    { path: "/admin/audit", shown: "audit-row" },
    { path: "/admin/settings", shown: "settings-s3" },
    { path: "/nowhere" },
  ],
} satisfies Record<string, View[]>;

export type Who = keyof typeof VIEWS;

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
    for (const [opener, opened] of opens) {
      await v.at(opener).first().click();
      await v.see(opened);
      await look(`${who} ${path} ${opened}`);
      await v.page.keyboard.press("Escape");
      await v.gone(opened);
    }
  }
}
