import { type Problem, problem } from "../adapters/http/problem.ts";
import type { Reply } from "../adapters/http/route.ts";
import { HOUR_S, type Hour, type HourRange, parseHour } from "../domain/time/hour.ts";

const LIMIT_DEFAULT = 100;

interface Page<Item> {
  readonly items: Item[];
  readonly next_cursor: string | null;
}

interface PageQuery {
  readonly cursor?: string;
  readonly limit?: string;
}

/**
 * One page of a list. `pattern` is what each part of its cursor looks like, `placeOf` where an item stands; `read` is given
 * no parts for the first page. Reads one item more than the page holds, to know whether there is another.
 */
export async function pageOf<Item>(
  { cursor, limit }: PageQuery,
  pattern: readonly RegExp[],
  read: (place: readonly string[], limit: number) => Promise<readonly Item[]>,
  placeOf: (item: Item) => readonly string[],
): Promise<Reply<Page<Item>> | Problem> {
  const place = cursor === undefined ? [] : readCursor(cursor, pattern);
  if (place === undefined) return problem("API_CURSOR_INVALID");
  const size = limit === undefined ? LIMIT_DEFAULT : Number(limit);
  const found = await read(place, size + 1);
  const items = found.slice(0, size);
  const last = items.at(-1);
  const next_cursor = found.length <= size || last === undefined ? null : writeCursor(placeOf(last));
  return { body: { items, next_cursor } };
}

function writeCursor(place: readonly string[]): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** Undefined for what was never given out. */
function readCursor(cursor: string, pattern: readonly RegExp[]): string[] | undefined {
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return undefined;
  }
  const isOurs =
    Array.isArray(place) &&
    place.length === pattern.length &&
    place.every((part, index) => typeof part === "string" && pattern[index]?.test(part) === true);
  return isOurs ? (place as string[]) : undefined;
}

/** An hour that a column can hold, or what is wrong with it. */
export function hourIn(name: string, text: string): Hour | Problem {
  const hour = parseHour(text);
  if (hour !== null) return hour;
  const message = "is not an hour that data can exist for";
  return problem("API_REQUEST_INVALID", `${name} ${message}`, [{ path: name, code: "hour", message }]);
}

/** The hours of [from, to), at most so many. */
export function rangeIn(query: { from: string; to: string }, hoursMax: number): HourRange | Problem {
  const from = hourIn("from", query.from);
  const to = hourIn("to", query.to);
  if (typeof from === "object") return from;
  if (typeof to === "object") return to;
  if (from >= to) return problem("API_TIMES_REVERSED");
  if ((to - from) / HOUR_S > hoursMax) return problem("API_RANGE_TOO_LONG", `at most ${hoursMax} hours`);
  return { from, to };
}
