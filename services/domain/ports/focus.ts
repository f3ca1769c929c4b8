import type { Audience } from "../access/audience.ts";
import type { HourRange } from "../time/hour.ts";

export interface FocusFile {
  readonly format: "csv" | "parquet";
  /** Charges as they were rated, or what was invoiced of them: two views of the same money, never to be added. */
  readonly rows: "charges" | "invoices";
}

/** Charges or invoices in the columns of FOCUS 1.2, as a file. */
export interface FocusExport {
  /** Ends only where the file is whole; throws where it breaks off. */
  file(range: HourRange, audience: Audience, of: FocusFile): AsyncIterable<Uint8Array>;
}
