// Tests that catch several mutants, by name.
import type { TestName } from "./mutant.ts";

export const usageLog = (title: string): TestName => ({
  file: "test/contract/usage-log.test.ts",
  suite: "usage_log in ClickHouse",
  title,
});

export const settlementWrites = (title: string): TestName => ({
  file: "test/contract/settlement-writes.test.ts",
  suite: "leading, chaining and pricing in ClickHouse",
  title,
});

export const staleLeader = (title: string, suite = ""): TestName => ({
  file: "test/integration/stale-leader.test.ts",
  suite,
  title,
});

export const retention = (title: string): TestName => ({
  file: "test/integration/retention.test.ts",
  suite: "",
  title,
});

export const REVISIONS: TestName = {
  file: "test/contract/settlement-store.test.ts",
  suite: "settlement in ClickHouse",
  title: "a late event makes revision 2 and a void revision 3, each once",
};

export const WHO_MAY_WRITE: TestName = {
  file: "test/integration/who-may-write.test.ts",
  suite: "",
  title: "a forged void is rejected with its reason, a void in another tenant's name takes nothing out",
};
export const STALE_SETTLEMENT = settlementWrites(
  "who led before writes nothing while another leads, whatever it is",
);
export const STALE_BOOK = staleLeader(
  "a price book is not published by who led before, nor when the lead is over",
);
export const STALE_DROP = staleLeader(
  "a day is not put down for dropping by who led before, nor when the lead is over",
);
export const LEASES = staleLeader(
  "the lead is not taken from another while it runs, nor back from who came after",
);
