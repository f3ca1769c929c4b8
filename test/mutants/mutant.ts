// What a mutant is: a safeguard, the patch of the source that switches it off, and the test that must fail then.

/** One place of a file, named by its text, which must be there exactly once. */
export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

export interface TestName {
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
  "proof of a correction",
  "token of a session",
  "key of the payload hash",
  "stream fence",
  "position guard",
  "lease",
  "late look-up",
  "takeover's rebuild",
  "takeover's end of inserts",
  "settlement fence",
  "pricing fence",
  "jobs fence",
  "chain guard",
  "price book guard",
  "document version guard",
  "invoice number series",
  "late-revision rule",
  "retention guard",
] as const;

const OWN_LINE = "\n        ";
export const SAME_LINE = " ";

/** The guard of a query with this code never throws. `gap` stands between its condition and its code. */
export function guardOff(query: string, code: string, gap = OWN_LINE): Patch {
  const end = `,${gap}'METERHOUSE_${code}')`;
  return { file: `clickhouse/queries/${query}.sql`, text: end, replacement: ` AND false${end}` };
}
