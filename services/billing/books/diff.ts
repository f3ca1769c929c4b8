import { compareText } from "../../domain/closing/usage.ts";
import { type Card, cardOf, cardText } from "../../domain/event/fields.ts";

export interface Change {
  readonly path: string;
  /** Null where it was not there. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What differs between two canonical price books, by path. Cards are told apart by their names and not by their places. */
export function diffOf(before: unknown, after: unknown): Change[] {
  const left = new Map(leaves(before, ""));
  const right = new Map(leaves(after, ""));
  const paths = [...new Set([...left.keys(), ...right.keys()])].toSorted(compareText);
  return paths
    .map((path) => ({ path, before: left.get(path) ?? null, after: right.get(path) ?? null }))
    .filter((change) => change.before !== change.after);
}

function leaves(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value)) {
    return value.flatMap((entry, index) => leaves(entry, `${path}[${nameOf(entry) ?? index}]`));
  }
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, inner]) =>
      leaves(inner, path === "" ? name : `${path}.${name}`),
    );
  }
  return [[path, String(value)]];
}

/** A list's entries that have names: cards. */
function nameOf(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null || !("gpu_model" in entry)) return undefined;
  return cardText(cardOf(entry as Partial<Card>));
}
