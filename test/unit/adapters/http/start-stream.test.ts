import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { startStream } from "../../../../services/adapters/http/start-stream.ts";

const bytes = (piece: string) => new TextEncoder().encode(piece);

it("passes on every piece, the first one too", async () => {
  const pieces = (async function* () {
    yield bytes("one ");
    yield bytes("two ");
    yield bytes("three");
  })();
  expect(await text(await startStream(pieces))).toBe("one two three");
  expect(await text(await startStream((async function* () {})()))).toBe("");
});

it("fails at once where there is no first piece, and later where a later one fails", async () => {
  // biome-ignore lint/correctness/useYield: it fails before it has anything
  const none = (async function* (): AsyncGenerator<Uint8Array> {
    throw new Error("away");
  })();
  await expect(startStream(none)).rejects.toThrow("away");
  const some = (async function* () {
    yield bytes("one");
    throw new Error("gone");
  })();
  const stream = await startStream(some);
  await expect(text(stream)).rejects.toThrow("gone");
});

it.each([0, 1])("ends the pieces when whoever reads is gone after %i of them", async (read) => {
  const ended = Promise.withResolvers<void>();
  const pieces = (async function* () {
    try {
      for (;;) yield new Uint8Array(100_000);
    } finally {
      ended.resolve();
    }
  })();
  const stream = await startStream(pieces);
  if (read > 0) await new Promise((resolve) => stream.once("data", resolve));
  stream.destroy();
  await ended.promise;
});
