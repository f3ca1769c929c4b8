// What Kafka's producers compress record batches with. Whatever the bytes are, no more than the bound comes out of them, and
// nothing is thrown.
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Fault } from "../../../domain/event/codes.ts";
import { lz4Frame } from "./lz4.ts";
import type { Decoded } from "./output.ts";
import { snappy } from "./snappy.ts";

type Decompress = (bytes: Uint8Array, bytesMax: number) => Decoded;
type Unzip = (
  bytes: Uint8Array,
  options: { maxOutputLength: number; chunkSize: number },
) => Buffer<ArrayBuffer>;

const CHUNK_BYTES = 65_536;

const byZlib =
  (unzip: Unzip): Decompress =>
  (bytes, bytesMax) => {
    try {
      return unzip(bytes, { maxOutputLength: bytesMax, chunkSize: CHUNK_BYTES });
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? "too large" : "damaged";
    }
  };

/** By the codec's number in a batch's attributes. */
const CODECS: readonly (readonly [name: string, decompress: Decompress])[] = [
  ["none", (bytes) => bytes as Uint8Array<ArrayBuffer>],
  ["gzip", byZlib(gunzipSync)],
  ["snappy", snappy],
  ["lz4", lz4Frame],
  ["zstd", byZlib(zstdDecompressSync)],
];

export function decompress(
  codec: number,
  bytes: Uint8Array,
  bytesMax: number,
): Uint8Array<ArrayBuffer> | Fault {
  const known = CODECS[codec];
  if (known === undefined) return { code: "BATCH_CODEC_UNKNOWN", detail: `codec ${codec}` };
  const [name, decode] = known;
  const decoded = decode(bytes, bytesMax);
  if (decoded === "damaged")
    return { code: "BATCH_DAMAGED", detail: `${bytes.length} bytes of ${name} do not decompress` };
  if (decoded === "too large") {
    return {
      code: "BATCH_TOO_LARGE",
      detail: `${bytes.length} bytes of ${name} are more than ${bytesMax} decompressed`,
    };
  }
  return decoded;
}
