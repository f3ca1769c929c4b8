import type { Audience } from "../../domain/access/audience.ts";
import type { FocusExport, FocusFile } from "../../domain/ports/focus.ts";
import type { HourRange } from "../../domain/time/hour.ts";
import { newId } from "../crypto/crypto.ts";
import { csv, parquet } from "./answers.ts";
import { audienceParams } from "./audience.ts";
import { type ClickHouse, loadQuery } from "./client.ts";

/** By the server, so that neither side holds a month in memory, and an end to what takes too long. */
const BOUNDS = {
  max_execution_time: 600,
  max_memory_usage: "1073741824",
  max_bytes_before_external_sort: "268435456",
} as const;
const FORMATS = {
  // An absent value is nothing between two commas; an empty text is "".
  csv: [() => csv(newId()), { format_csv_null_representation: "" }],
  parquet: [parquet, {}],
} as const;
const QUERIES = { charges: "pricing_focus", invoices: "pricing_focus_invoices" } as const;
const VALUES = { output_format_decimal_trailing_zeros: 1, date_time_output_format: "iso" } as const;

export class ClickHouseFocus implements FocusExport {
  readonly #clickhouse: ClickHouse;
  readonly #provider_name: string;

  /** @param provider_name who sells the GPU time, as customers know them */
  constructor(clickhouse: ClickHouse, provider_name: string) {
    this.#clickhouse = clickhouse;
    this.#provider_name = provider_name;
  }

  file(range: HourRange, audience: Audience, { format, rows }: FocusFile): AsyncIterable<Uint8Array> {
    const [mark, own] = FORMATS[format];
    const question = loadQuery(QUERIES[rows]);
    const params = { ...range, ...audienceParams(audience), provider_name: this.#provider_name };
    const settings = { ...BOUNDS, ...VALUES, ...own };
    return this.#clickhouse.stream(question, mark(), { params, settings });
  }
}
