import { Readable } from "node:stream";

/**
 * A stream whose first chunk has been read, so that a source that fails at once is an error and not an empty response. It
 * fails when the source fails, and ends the source when the reader goes away.
 */
export async function startStream(chunks: AsyncIterable<Uint8Array>): Promise<Readable> {
  const iterator = chunks[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined = await iterator.next();
  const pull = async () => {
    const { done, value } = first ?? (await iterator.next());
    first = undefined;
    stream.push(done === true ? null : value);
  };
  const stream = new Readable({
    read: () => void pull().catch((error: Error) => stream.destroy(error)),
    destroy: (error, done) => {
      Promise.resolve(iterator.return?.()).then(
        () => done(error),
        () => done(error),
      );
    },
  });
  return stream;
}
