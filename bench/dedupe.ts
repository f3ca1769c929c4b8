import { DedupeTable } from "../services/domain/dedupe/table.ts";

const IDS = 10_000_000;
/** What 8 partitions and 2 event-hours make of them. */
const TABLES = 16;

export interface DedupeFigures {
  readonly bytesPerId: number;
  readonly microsecondsPerId: number;
  /** Growth of this process while the ids were remembered, MiB. */
  readonly rssMib: number;
}

/** Ten million ids into the dedupe memory: bytes and time of each. */
export function dedupeBytesPerId(): DedupeFigures {
  const before = process.memoryUsage().rss;
  const cpu = process.cpuUsage();
  const tables = Array.from({ length: TABLES }, () => new DedupeTable({ low: 12_345, high: 54_321 }));
  const id = new Uint8Array(16);
  const view = new DataView(id.buffer);
  for (let i = 0; i < IDS; i++) {
    view.setUint32(8, Math.imul(i, 0x9e3779b1));
    view.setUint32(12, Math.imul(i ^ (i >>> 15), 0x85ebca6b));
    view.setUint16(4, i & 0xffff);
    (tables[i % TABLES] as DedupeTable).add(id, 0, i, ~i >>> 0);
  }
  const { user, system } = process.cpuUsage(cpu);
  const ids = tables.reduce((sum, table) => sum + table.size, 0);
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  const rssMib = Math.round((process.memoryUsage().rss - before) / 2 ** 20);
  return { bytesPerId: bytes / ids, microsecondsPerId: (user + system) / ids, rssMib };
}
