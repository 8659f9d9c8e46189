// SPDX-License-Identifier: Apache-2.0
// The parts of bench/page/run.sh, and where their figures go.
import { measured, report, size } from "../lib/report.ts";
import { partClick, partLighthouse, partScript, partScroll } from "./parts.ts";
import { Stage } from "./stage.ts";

const rounds = size("BENCH_ROUNDS", 5);
const stage = await Stage.open();
try {
  const maker = await stage.maker("twenty", 20);
  const parts = {
    script: () => partScript(stage, maker),
    lighthouse: async () => {
      const keeper = await stage.maker("fifty", 50);
      return partLighthouse(
        stage,
        [
          ["Sora, 20 cards", "/sora", maker],
          ["library, 50 works", "/sora/library", keeper],
          ["dashboard", "/", stage.admin],
        ],
        rounds,
      );
    },
    click: () => partClick(stage, maker, rounds),
    scroll: () => partScroll(stage, size("BENCH_WORKS", 50_000), size("BENCH_SECONDS", 15)),
  };
  await report("docs/bench-page.md", parts, [
    "# The page's figures",
    "",
    "Written by `make bench-page WRITE=1`; what is measured, and how, is in [bench/page](../bench/page/run.sh).",
    "",
    `${measured()}, Chromium ${stage.browser.version()}, headless, server and browser on one machine.`,
    "",
    "Lighthouse takes a phone's processor for four times slower than the machine it runs on, which it expects to have an",
    "index of 1500 to 2000. The rows called calibrated take it for two times slower, as Lighthouse's guide has it for a",
    "machine with an index of 1000 to 1500; the index is the last column.",
  ]);
} finally {
  await stage.close();
}
