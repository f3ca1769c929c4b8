import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCleanText } from "../../../../services/domain/event/text.ts";

const REFUSED =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u{ad}\u{180e}\u{200b}-\u{200d}\u{2060}-\u{206f}\u{feff}\u{fff9}-\u{fffb}\u{e0000}-\u{e007f}]|^\.{1,2}$/u;

/** What Node thinks of it. */
const isClean = (bytes: Uint8Array): boolean => isUtf8(bytes) && !REFUSED.test(Buffer.from(bytes).toString());

/** Not a boolean of all of them: the first sequence on which the two differ. */
function firstDifference(sequences: Iterable<readonly number[]>): string | undefined {
  for (const sequence of sequences) {
    const bytes = Uint8Array.from(sequence);
    if (isCleanText(bytes, 0, bytes.length) !== isClean(bytes)) return Buffer.from(bytes).toString("hex");
  }
  return undefined;
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte);
/** On both sides of every limit that the second byte can have, and that the ones behind it can. */
const SECONDS = [0x00, 0x1f, 0x20, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
const TAILS = [0x7f, 0x80, 0xbf, 0xc0];

function* sequences(): Iterable<readonly number[]> {
  yield [];
  for (const first of BYTES) yield [first];
  for (const first of BYTES) for (const second of BYTES) yield [first, second];
  for (const first of BYTES) {
    if (first < 0xc0) continue;
    for (const second of BYTES) for (const third of TAILS) yield [first, second, third];
  }
  for (const first of BYTES) {
    if (first < 0xe0) continue;
    for (const second of SECONDS)
      for (const third of TAILS) for (const last of TAILS) yield [first, second, third, last];
  }
}

describe("isCleanText", () => {
  it("agrees with Node's decoder on every short sequence", () => {
    expect(firstDifference(sequences())).toBeUndefined();
  });

  it("agrees with it on texts and damaged texts", () => {
    const text = fc
      .array(fc.integer({ min: 0x20, max: 0x10_ffff }), { maxLength: 12 })
      .map((points) => new TextEncoder().encode(String.fromCodePoint(...points)));
    const damaged = fc
      .tuple(text, fc.nat(), fc.nat(255))
      .map(([bytes, at, byte]) => bytes.map((old, i) => (i === at % bytes.length ? byte : old)));
    fc.assert(
      fc.property(fc.oneof(text, damaged), (bytes) => {
        expect(isCleanText(bytes, 0, bytes.length)).toBe(isClean(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["é as two bytes too many", [0xe0, 0x83, 0xa9]],
    ["NUL as two bytes", [0xc0, 0x80]],
    ["/ as three bytes", [0xe0, 0x80, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a C1 control", [0xc2, 0x9b]],
    ["DEL", [0x61, 0x7f]],
    ["a line break", [0x61, 0x0a, 0x62]],
    ["Latin-1", [0x6d, 0xfc, 0x6c, 0x6c]],
  ])("refuses %s", (_what, bytes) => {
    expect(isCleanText(Uint8Array.from(bytes), 0, bytes.length)).toBe(false);
  });

  it.each(["tenant-01", "Größe", "租户", "🙂", "\u00a0", "\u{10ffff}"])("accepts %j", (text) => {
    const bytes = new TextEncoder().encode(text);
    expect(isCleanText(bytes, 0, bytes.length)).toBe(true);
  });

  it("looks at nothing outside its range", () => {
    const bytes = Uint8Array.from([0x00, 0xff, 0x61, 0xc3, 0xa9, 0x80, 0x00]);
    expect(isCleanText(bytes, 2, 3)).toBe(true);
    expect(isCleanText(bytes, 2, 2)).toBe(false);
    expect(isCleanText(bytes, 1, 4)).toBe(false);
    expect(isCleanText(bytes, 2, 4)).toBe(false);
  });
});
