// Safeguards, each switched off by a patch of the source, and the test that must fail then.

/** One place of a file, named by its text, which must be there exactly once. */
export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

interface TestName {
  readonly file: string;
  /** What `describe` says; empty where the test stands alone. */
  readonly suite: string;
  readonly title: string;
}

export interface Mutant {
  readonly name: string;
  readonly safeguard: (typeof SAFEGUARDS)[number];
  /** What would go wrong without the safeguard. */
  readonly why: string;
  readonly patch: Patch;
  readonly test: TestName;
  /** Part of what the test says when it fails, so that a fault of the patch itself does not pass for a catch. */
  readonly failure: string;
}

export const SAFEGUARDS = [
  "stream fence",
  "position guard",
  "lease",
  "late look-up",
  "takeover's rebuild",
  "settlement fence",
  "pricing fence",
  "jobs fence",
  "chain guard",
  "document version guard",
  "invoice number series",
  "late-revision rule",
  "retention guard",
] as const;

const OWN_LINE = "\n        ";
const SAME_LINE = " ";

/** A guard of a query never throws. `gap` stands between its condition and its code. */
function guardOff(query: string, code: string, gap = OWN_LINE): Patch {
  const end = `,${gap}'METERHOUSE_${code}')`;
  return { file: `clickhouse/queries/${query}.sql`, text: end, replacement: ` AND false${end}` };
}

const usageLog = (title: string): TestName => ({
  file: "test/contract/usage-log.test.ts",
  suite: "usage_log in ClickHouse",
  title,
});

const settlementWrites = (title: string): TestName => ({
  file: "test/contract/settlement-writes.test.ts",
  suite: "leading, chaining and pricing in ClickHouse",
  title,
});

const staleLeader = (title: string, suite = ""): TestName => ({
  file: "test/integration/stale-leader.test.ts",
  suite,
  title,
});

const retention = (title: string): TestName => ({
  file: "test/integration/retention.test.ts",
  suite: "",
  title,
});

const REVISIONS: TestName = {
  file: "test/contract/settlement-store.test.ts",
  suite: "settlement in ClickHouse",
  title: "a late event makes revision 2 and a void revision 3, each once",
};

const STALE_SETTLEMENT = settlementWrites(
  "who led before writes nothing while another leads, whatever it is",
);
const STALE_BOOK = staleLeader("a price book is not published by who led before, nor when the lead is over");
const STALE_DROP = staleLeader(
  "a day is not put down for dropping by who led before, nor when the lead is over",
);
const LEASES = staleLeader("the lead is not taken from another while it runs, nor back from who came after");

const RESOLVED = "instead of rejecting";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "stream fence",
    safeguard: "stream fence",
    why: "a processor that lost a partition writes its block beside the new owner's",
    patch: guardOff("usage_log_append", "FENCED", SAME_LINE),
    test: usageLog("refuses an owner that is no longer the newest"),
    failure: "{ outcome: 'applied' } to deeply equal { outcome: 'fenced' }",
  },
  {
    name: "position guard",
    safeguard: "position guard",
    why: "a block that was sent twice, or after a gap, is counted",
    patch: guardOff("usage_log_append", "DISPLACED", SAME_LINE),
    test: usageLog("refuses a repeat and a gap, and keeps nothing of them"),
    failure: "{ outcome: 'applied' } to deeply equal { outcome: 'displaced' }",
  },
  {
    name: "lease of a processor",
    safeguard: "lease",
    why: "an insert that was long on its way begins when the group has given the partition away",
    patch: guardOff("usage_log_append", "EXPIRED", SAME_LINE),
    test: usageLog("refuses a block whose lease is over by the log's own clock"),
    failure: "{ outcome: 'applied' } to deeply equal { outcome: 'expired' }",
  },
  {
    name: "lease of settlement",
    safeguard: "lease",
    why: "a settlement that stalled closes an hour after its lease, while the next one takes the lead",
    patch: guardOff("settlement_commit_close", "LEASE_OVER"),
    test: settlementWrites("a lease that is over writes nothing, and a place in the chain is taken once"),
    failure: RESOLVED,
  },
  {
    name: "lease of the jobs",
    safeguard: "lease",
    why: "jobs that stalled put a day down for dropping after their lease",
    patch: guardOff("retention_record_drop", "LEASE_OVER"),
    test: STALE_DROP,
    failure: RESOLVED,
  },
  {
    name: "lease that another holds",
    safeguard: "lease",
    why: "two lead at once",
    patch: guardOff("leader_take_lease", "LEASE_HELD"),
    test: LEASES,
    failure: RESOLVED,
  },
  {
    name: "lease of a higher epoch",
    safeguard: "lease",
    why: "who led before takes the lead back by renewing",
    patch: guardOff("leader_take_lease", "STALE_LEADER"),
    test: LEASES,
    failure: RESOLVED,
  },
  {
    name: "late look-up",
    safeguard: "late look-up",
    why: "a copy of an hour that the memory has forgotten counts twice",
    patch: {
      file: "services/processor/steps/resolve-late-records.ts",
      text: "(space, id) => hashes.get(space)?.get(idText(id))",
      replacement: "() => undefined",
    },
    test: {
      file: "test/unit/processor/pipeline.test.ts",
      suite: "forgetting",
      title: "looks late copies up that the block on its way holds",
    },
    failure: "expected 30 to be 10",
  },
  {
    name: "takeover's rebuild",
    safeguard: "takeover's rebuild",
    why: "a copy of what the owner before counted counts twice",
    patch: {
      file: "services/processor/steps/take-over.ts",
      text: "for (const knownId of ids) memory.add(",
      replacement: "for (const knownId of ids.slice(0, 0)) memory.add(",
    },
    test: {
      file: "test/unit/processor/pipeline.test.ts",
      suite: "an owner",
      title: "that takes over knows the ids that were counted before it",
    },
    failure: "expected 20 to be 10",
  },
  {
    name: "settlement fence of closes",
    safeguard: "settlement fence",
    why: "who led before adds a close to the chain of who leads",
    patch: guardOff("settlement_commit_close", "STALE_LEADER"),
    test: STALE_SETTLEMENT,
    failure: RESOLVED,
  },
  {
    name: "settlement fence of ratings",
    safeguard: "settlement fence",
    why: "who led before replaces the charges of who leads",
    patch: guardOff("settlement_commit_rating", "STALE_LEADER"),
    test: STALE_SETTLEMENT,
    failure: RESOLVED,
  },
  {
    name: "settlement fence of price books",
    safeguard: "settlement fence",
    why: "a book comes into force while another leader rates by the one before",
    patch: guardOff("settlement_publish_book", "STALE_LEADER"),
    test: STALE_BOOK,
    failure: RESOLVED,
  },
  {
    name: "pricing fence",
    safeguard: "pricing fence",
    why: "two processes write documents that each thinks to be the only change",
    patch: guardOff("pricing_documents_append", "STALE_LEADER"),
    test: staleLeader("is not written by who led before, while another leads", "a document"),
    failure: RESOLVED,
  },
  {
    name: "jobs fence",
    safeguard: "jobs fence",
    why: "jobs that led before put a day down for dropping while others lead",
    patch: guardOff("retention_record_drop", "STALE_LEADER"),
    test: STALE_DROP,
    failure: RESOLVED,
  },
  {
    name: "chain guard of closes",
    safeguard: "chain guard",
    why: "two closes stand in one place of the chain",
    patch: guardOff("settlement_commit_close", "SEQUENCE_TAKEN", SAME_LINE),
    test: settlementWrites("a lease that is over writes nothing, and a place in the chain is taken once"),
    failure: RESOLVED,
  },
  {
    name: "chain guard of ratings",
    safeguard: "chain guard",
    why: "an hour is charged twice",
    patch: guardOff("settlement_commit_rating", "SEQUENCE_TAKEN"),
    test: settlementWrites("each rating of a revision is the next one, and is made once"),
    failure: RESOLVED,
  },
  {
    name: "document version guard",
    safeguard: "document version guard",
    why: "of two changes of a contract at once, one is lost",
    patch: guardOff("pricing_documents_append", "VERSION_TAKEN"),
    test: {
      file: "test/contract/pricing-documents.test.ts",
      suite: "documents in ClickHouse",
      title: "are written all or none: a version that is taken, or that leaves one out, refuses the rest too",
    },
    failure: "expected 'written' to be 'version_taken'",
  },
  {
    name: "invoice number series",
    safeguard: "invoice number series",
    why: "two invoices have one number",
    patch: {
      file: "services/billing/issued/issued-invoices.ts",
      text: 'make("invoice_number", "invoice", Number(invoice.number), summary),',
      replacement: "",
    },
    test: {
      file: "test/unit/api/invoices.test.ts",
      suite: "finalising",
      title: "gives numbers without gaps, whoever finalises at the same time",
    },
    failure: "to deeply equal",
  },
  {
    name: "late-revision rule for events",
    safeguard: "late-revision rule",
    why: "usage that came after the close of its hour is never billed",
    patch: {
      file: "clickhouse/queries/settlement_dirty_hours.sql",
      text: "        AND w.has_usage\n",
      replacement: "        AND w.has_usage AND false\n",
    },
    test: REVISIONS,
    failure: "expected [] to match",
  },
  {
    name: "late-revision rule for voids",
    safeguard: "late-revision rule",
    why: "usage that was taken back after the close of its hour stays on the bill",
    patch: {
      file: "clickhouse/queries/settlement_dirty_hours.sql",
      text: "        e.kind = 'event'\n",
      replacement: "        e.kind = 'event' AND false\n",
    },
    test: REVISIONS,
    failure: "expected [] to match",
  },
  {
    name: "retention guard of hours",
    safeguard: "retention guard",
    why: "an hour is added up from what a dropped day left of it, and the rest is credited",
    patch: guardOff("settlement_commit_close", "HOUR_DROPPED"),
    test: retention("an hour of which rows were dropped is never revised: not by late records, not by hand"),
    failure: RESOLVED,
  },
  {
    name: "retention guard of days",
    safeguard: "retention guard",
    why: "rows that came after the export are dropped with their day",
    patch: guardOff("retention_record_drop", "DAY_CHANGED"),
    test: retention("rows that come while a day is exported keep it"),
    failure: "to contain",
  },
];
