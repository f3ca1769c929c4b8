// When an answer is believed. ClickHouse can answer 200 and 0 bytes, for one when its disk is full; a proxy can cut an
// answer anywhere. So whoever reads asks for a mark at the end, and an answer without it is a failure and never "no rows".

import { parseError } from "@clickhouse/client";
import { ClickHouseFailure, failureOf } from "./failure.ts";

/** Looks at every piece of an answer and hands on what belongs to it; `end` throws unless the answer was whole. */
export interface EndMark {
  /** Appended to the SELECT: its FORMAT, and the settings by which the server marks the end. */
  readonly format: string;
  readonly settings: Readonly<Record<string, string | number>>;
  take(piece: Uint8Array): Uint8Array;
  end(): void;
}

const PARQUET_MAGIC = "PAR1";
/** The length of the table of contents, and the magic. */
const PARQUET_END_BYTES = 8;

/** Parquet ends with a table of contents, its length and a magic; it begins with the magic as well. */
export function parquet(): EndMark {
  let last = Buffer.alloc(0);
  let bytes = 0;
  return {
    format: "Parquet",
    settings: {},
    take(piece) {
      bytes += piece.length;
      last = Buffer.from(Buffer.concat([last, piece]).subarray(-PARQUET_END_BYTES));
      return piece;
    },
    end() {
      const isEnd = last.length === PARQUET_END_BYTES && last.toString("latin1", 4) === PARQUET_MAGIC;
      const contents = isEnd ? last.readUInt32LE() : 0;
      const isWhole = contents > 0 && PARQUET_MAGIC.length + contents + PARQUET_END_BYTES <= bytes;
      if (!isWhole) throw incomplete("");
    },
  };
}

/**
 * CSV with names has no end of its own, so the server writes `mark` behind the last row, and it is taken off here.
 * @param mark new for each answer, so that no stored text can be taken for it
 */
export function csv(mark: string): EndMark {
  let held = Buffer.alloc(0);
  return {
    format: "CustomSeparatedWithNames",
    settings: {
      format_custom_escaping_rule: "CSV",
      format_custom_field_delimiter: ",",
      format_custom_result_after_delimiter: mark,
    },
    take(piece) {
      const bytes = Buffer.concat([held, piece]);
      const kept = Math.max(0, bytes.length - mark.length);
      held = Buffer.from(bytes.subarray(kept));
      return bytes.subarray(0, kept);
    },
    end() {
      if (held.toString("latin1") !== mark) throw incomplete(held.toString("latin1"));
    },
  };
}

export interface CompactPiece {
  readonly names: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/**
 * Rows of a SELECT in FORMAT JSONCompact as they come, some at a time: an answer of any size takes the memory of a piece of
 * it. The format puts each row on a line of its own and ends with their number, which is compared.
 */
export async function* compactRows(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<CompactPiece> {
  const document = new CompactDocument();
  let rest = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    const whole = bytes.lastIndexOf("\n") + 1;
    const rows = document.take(bytes.toString("utf8", 0, whole));
    rest = Buffer.from(bytes.subarray(whole));
    if (rows.length > 0) yield { names: document.names, rows };
  }
  document.take(rest.toString("utf8"));
  document.end();
}

const DATA = '\t"data":';
const DATA_START = "\t[";
const DATA_END = "\t],";

class CompactDocument {
  names: readonly string[] = [];
  #place: "head" | "start" | "rows" | "tail" = "head";
  #head = "";
  #tail = "";
  #rows = 0;
  #isLast = false;

  /** @param text whole lines, but at the answer's end */
  take(text: string): unknown[][] {
    const rows: unknown[][] = [];
    for (const line of text.split("\n")) {
      if (this.#place === "tail") this.#tail += `${line}\n`;
      else if (line !== "") this.#line(line, rows);
    }
    this.#rows += rows.length;
    return rows;
  }

  end(): void {
    if (this.#place !== "tail") throw incomplete(this.#head);
    const { rows, exception } = this.#parse(`{${this.#tail}`) as { rows?: unknown; exception?: unknown };
    if (exception !== undefined) throw broken(String(exception));
    if (rows !== this.#rows) throw incomplete(`it has ${this.#rows} rows and says ${String(rows)}`);
  }

  #line(line: string, rows: unknown[][]): void {
    if (this.#place === "head") {
      if (line === DATA) this.#start();
      else this.#head += `${line}\n`;
    } else if (this.#place === "start") {
      if (line !== DATA_START) throw incomplete(line);
      this.#place = "rows";
    } else if (line === DATA_END) {
      this.#place = "tail";
    } else {
      if (this.#isLast) throw incomplete(line);
      this.#isLast = !line.endsWith("],");
      const row = this.#parse(this.#isLast ? line : line.slice(0, -1));
      if (!Array.isArray(row) || row.length !== this.names.length) throw incomplete(line);
      rows.push(row);
    }
  }

  #start(): void {
    const head = this.#parse(`${this.#head.trimEnd().replace(/,$/, "")}}`) as {
      meta: readonly { readonly name: string }[];
    };
    this.names = head.meta.map(({ name }) => name);
    this.#place = "start";
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw incomplete(text);
    }
  }
}

/** @param summary the server's own account of the statement, in the answer's head; it writes one for every statement */
export function requireSummary(summary: object | undefined): void {
  if (summary === undefined) throw incomplete("it has no summary of the server");
}

const REASON_LENGTH_MAX = 500;
const EXCEPTION = /Code: \d+\. DB::Exception/;

/** Where a query breaks off, the server ends the answer with its error. */
function incomplete(text: string): ClickHouseFailure {
  return EXCEPTION.test(text) ? broken(text) : new ClickHouseFailure("retriable", "INCOMPLETE", reason(text));
}

function broken(text: string): ClickHouseFailure {
  return failureOf(parseError(text.slice(Math.max(0, text.search(EXCEPTION)))));
}

function reason(text: string): string {
  const seen = text.trim().slice(0, REASON_LENGTH_MAX);
  return `ClickHouse's answer is not whole (is its disk full?)${seen === "" ? "" : `: ${seen}`}`;
}
