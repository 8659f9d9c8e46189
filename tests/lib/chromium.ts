// SPDX-License-Identifier: Apache-2.0
// The browser of tests and measurements: Debian's Chromium as a shell without windows. A window of the whole
// program, with a toolbar and menus that nobody sees, takes as long to open as most pages that are shown in it.
import { chromium, type Browser } from "playwright-core";

export type { Browser, BrowserContext, Page } from "playwright-core";

const EXECUTABLE = process.env.KINORA_CHROMIUM ?? "/usr/bin/chromium-headless-shell";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"];

export function launchBrowser(...flags: string[]): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: [...FLAGS, ...flags] });
}
