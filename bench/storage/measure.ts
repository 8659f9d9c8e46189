// SPDX-License-Identifier: Apache-2.0
// The parts of bench/storage/run.sh, and where their figures go.
import { measured, report, size } from "../lib/report.ts";
import { partList, partPresign, partTransfer, partUpload } from "./parts.ts";
import { Stage } from "./stage.ts";

const mib = size("BENCH_MIB", 1024);
const rounds = size("BENCH_ROUNDS", 1);
const stage = await Stage.open();
try {
  const parts = {
    presign: () => partPresign(stage),
    transfer: () => partTransfer(stage, mib, rounds),
    upload: () => partUpload(stage, mib, rounds),
    list: () => partList(stage, size("BENCH_ROWS", 1_000_000), 300),
  };
  await report("docs/bench-storage.md", parts, [
    "# The store's figures",
    "",
    "Written by `make bench-storage WRITE=1`: Kinora, its upstream, a Ceph gateway that keeps its objects in",
    "memory, and whoever does the same beside, all on one machine in one run. Kinora's times contain its",
    "ledger, the digest, what it asks the bucket in the end, and on disk the `fsync` that nginx does without;",
    "a transfer's also the poster's children, which fail at random bytes.",
    "",
    `${measured()}.`,
  ]);
} finally {
  await stage.close();
}
