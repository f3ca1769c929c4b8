import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export interface Written {
  readonly bytes: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/**
 * Writes a file that is there whole or not at all, whatever ends this process: under another name first, forced to the disk,
 * then renamed. A file of that name is replaced.
 */
export async function writeWholeFile(path: string, contents: AsyncIterable<Uint8Array>): Promise<Written> {
  const partial = `${path}.partial`;
  await mkdir(dirname(path), { recursive: true });
  try {
    const written = await writeTo(partial, contents);
    await rename(partial, path);
    await syncFolder(dirname(path));
    return written;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** What a file holds; null if there is none. */
export async function sumFile(path: string): Promise<Written | null> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const piece of createReadStream(path) as AsyncIterable<Uint8Array>) {
      hash.update(piece);
      bytes += piece.length;
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  return { bytes, sha256: hash.digest("hex") };
}

async function writeTo(path: string, contents: AsyncIterable<Uint8Array>): Promise<Written> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file: FileHandle = await open(path, "w");
  try {
    for await (const piece of contents) {
      hash.update(piece);
      bytes += piece.length;
      await file.writeFile(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** So that the new name survives a loss of power too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
