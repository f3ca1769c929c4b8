import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const STAMP = ".made-from";

/** Whether `folder` was made, to its end, from what `sources` are now. */
export async function isMadeFrom(folder: string, ...sources: string[]): Promise<boolean> {
  const stamp = await readFile(join(folder, STAMP), "utf8").catch(() => undefined);
  return stamp === (await stampOf(folder, sources));
}

/** To be called last: a folder without its stamp is made anew. */
export async function markMadeFrom(folder: string, ...sources: string[]): Promise<void> {
  await writeFile(join(folder, STAMP), await stampOf(folder, sources));
}

/** The folder's own place counts, because a virtual environment does not survive a move. */
async function stampOf(folder: string, sources: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(folder);
  for (const source of sources) hash.update(await readFile(source));
  return hash.digest("hex");
}
