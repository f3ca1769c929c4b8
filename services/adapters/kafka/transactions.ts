// Transactions, as whole record batches. What an aborted one wrote, and Kafka's own markers, become empty batches over the same
// offsets: nothing of them is read, and the position covers them, also where nothing comes behind them. kafkajs 2.2.4 takes
// aborted transactions in the order in which the broker lists them, one a message: interleaved ones are missed.
import { WholeBatch } from "./whole-batch.ts";

export interface BatchMessage {
  readonly offset: string;
  readonly attributes: unknown;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
  /** Of Kafka's own batch: whether it ends an aborted transaction. */
  readonly isAbortMarker?: boolean;
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

const EMPTY = Buffer.alloc(0);

/** The same batches in the same order; those of aborted transactions are empty. */
export function withoutAborted<M extends BatchMessage>(
  messages: readonly M[],
  abortedTransactions: readonly AbortedTransaction[] | null,
): M[] {
  const waiting = [...(abortedTransactions ?? [])].sort(
    (a, b) => Number(a.firstOffset) - Number(b.firstOffset),
  );
  const aborted = new Set<string>();
  let at = 0;
  return messages.map((message) => {
    for (; at < waiting.length; at++) {
      const { producerId, firstOffset } = waiting[at] as AbortedTransaction;
      if (Number(firstOffset) > Number(message.offset)) break;
      aborted.add(producerId);
    }
    const { producerId, inTransaction } = message.batchContext;
    if (message.isAbortMarker === true) aborted.delete(producerId);
    return inTransaction && aborted.has(producerId) ? emptied(message) : message;
  });
}

/** The batch without its records. */
export function emptied<M extends BatchMessage>(message: M): M {
  if (!(message.attributes instanceof WholeBatch)) return message;
  const fields = { ...message.attributes.fields, count: 0, codec: 0, fault: undefined };
  return { ...message, value: EMPTY, attributes: new WholeBatch(fields) };
}
