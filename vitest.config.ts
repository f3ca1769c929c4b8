import { defineConfig } from "vitest/config";
import { NODE_FLAGS } from "./services/adapters/lifecycle/node-flags.ts";
import { LongestFirst } from "./test/longest-first.ts";

/** `unit` needs nothing but Node; `stack` gets one Kafka broker and one ClickHouse engine for the whole run. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    execArgv: [...NODE_FLAGS],
    // For the processes that tests start, which find their sources compiled; a worker reads its own environment too early.
    env: { NODE_COMPILE_CACHE: `${import.meta.dirname}/.meterhouse/compile-cache` },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/tidy.test.ts", "test/tidy/**/*.test.ts", "test/unit/**/*.test.ts"],
          // Tests wait for events; a limit that only a hung test meets does not fail a busy machine.
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "stack",
          include: ["test/{contract,integration,walkthrough}/**/*.test.ts"],
          globalSetup: ["test/support/stack/shared-stack.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
