import { sipHash } from "../../../services/adapters/crypto/sip-hash.ts";

/** Of logs that no migration made a key for. */
export const TEST_HASH = sipHash(Buffer.from("key of the tests"));
