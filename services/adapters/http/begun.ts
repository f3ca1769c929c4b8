import { Readable } from "node:stream";

/**
 * A stream whose first piece is there, so that what cannot even begin is an error and no empty answer. It fails where the
 * pieces fail, and ends them when nobody reads on.
 */
export async function begun(pieces: AsyncIterable<Uint8Array>): Promise<Readable> {
  const iterator = pieces[Symbol.asyncIterator]();
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
