import { expect, it } from "vitest";
import { withoutAborted } from "../../../../services/adapters/kafka/transactions.ts";
import { WholeBatch } from "../../../../services/adapters/kafka/whole-batch.ts";

function batch(offset: number, producerId: string, kind: "data" | "abort" | "commit" | "plain" = "data") {
  const fields = {
    ...{
      firstOffset: offset,
      lastOffset: offset,
      count: 1,
      codec: 0,
      firstTimestampMs: 0,
      maxTimestampMs: 0,
    },
    ...{ isAppendTime: true, bytes: new Uint8Array(1), fault: undefined },
  };
  return {
    offset: String(offset),
    value: Buffer.alloc(1),
    attributes: new WholeBatch(fields),
    batchContext: { producerId, inTransaction: kind !== "plain" },
    isAbortMarker: kind === "abort",
  };
}
const counts = (messages: readonly ReturnType<typeof batch>[]) =>
  messages.map(({ attributes }) => attributes.fields.count);

it("applies every aborted transaction, in whichever order the broker lists them", () => {
  const messages = [
    batch(0, "a"),
    batch(1, "b"),
    batch(2, "a"),
    batch(3, "c", "plain"),
    batch(4, "b", "abort"),
    batch(5, "b"),
    batch(6, "a"),
    batch(7, "a", "abort"),
    batch(8, "a"),
  ];
  const aborted = [
    { producerId: "b", firstOffset: "1" },
    { producerId: "a", firstOffset: "0" },
  ];
  const expected = [0, 0, 0, 1, 1, 1, 0, 1, 1];
  expect(counts(withoutAborted(messages, aborted))).toEqual(expected);
  expect(counts(withoutAborted(messages, aborted.toReversed()))).toEqual(expected);
  expect(counts(withoutAborted(messages, null))).toEqual(messages.map(() => 1));
});

it("steps into several aborted transactions that begin before what was fetched", () => {
  const aborted = [
    { producerId: "b", firstOffset: "12" },
    { producerId: "a", firstOffset: "9" },
  ];
  expect(counts(withoutAborted([batch(20, "b"), batch(21, "a"), batch(22, "c")], aborted))).toEqual([
    0, 0, 1,
  ]);
});
