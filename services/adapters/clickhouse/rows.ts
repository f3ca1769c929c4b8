import type { ClickHouse, Params } from "./client.ts";
import { ClickHouseFailure } from "./failure.ts";

const NEW_LINE = 0x0a;

/** Rows of a SELECT … FORMAT JSONCompactEachRow as they come: an answer of any size takes the memory of a piece of it. */
export async function* compactRows(
  clickhouse: ClickHouse,
  sql: string,
  params: Params,
): AsyncGenerator<readonly unknown[]> {
  let rest = Buffer.alloc(0);
  for await (const piece of clickhouse.stream(sql, { params })) {
    const bytes = Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE, start)) {
      yield row(bytes.toString("utf8", start, end));
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
  }
  if (rest.length > 0) throw cut();
}

function row(line: string): readonly unknown[] {
  try {
    return JSON.parse(line) as unknown[];
  } catch {
    // where a query breaks off, the server ends the answer with its error
    throw cut(line);
  }
}

function cut(line = ""): ClickHouseFailure {
  return new ClickHouseFailure("retriable", "CUT", `the answer ended within a row ${line.slice(0, 200)}`);
}
