// Any key does in a test; in a process it is secret and new at every start.
import type { HashKey } from "../../../services/domain/event/keyed-hash.ts";

export const HASH_KEY: HashKey = { low: 0x5eed_1234, high: 0x0f1e_2d3c };
