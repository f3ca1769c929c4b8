import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idHour, idTimeMs, isUuidV7, sameBytes } from "../../../../services/domain/event/id.ts";

const bytesOf = (uuid: string): Uint8Array => Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex"));
const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("an id", () => {
  it("is read as RFC 9562 writes its example of version 7", () => {
    const id = bytesOf("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
    expect(isUuidV7(id, 0)).toBe(true);
    expect(idTimeMs(id, 0)).toBe(Date.UTC(2022, 1, 22, 19, 22, 22));
    expect(idHour(id, 0)).toBe(Math.floor(Date.UTC(2022, 1, 22, 19) / 3_600_000));
  });

  it("carries any 48 bits of time, wherever it lies", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.nat(7), (ms, at) => {
        const buffer = Buffer.alloc(at + 16, 0xff);
        buffer.writeUIntBE(ms, at, 6);
        expect(idTimeMs(buffer, at)).toBe(ms);
        expect(idHour(buffer, at)).toBe(Number(BigInt(ms) / 3_600_000n));
      }),
    );
  });

  it("is a UUIDv7 by its version and variant alone", () => {
    fc.assert(
      fc.property(
        sixteen,
        fc.constantFrom(0x40, 0x60, 0x70, 0x80, 0xf0),
        fc.constantFrom(0, 0x40, 0x80, 0xc0),
        (id, version, variant) => {
          id[6] = ((id[6] ?? 0) & 0x0f) | version;
          id[8] = ((id[8] ?? 0) & 0x3f) | variant;
          expect(isUuidV7(id, 0)).toBe(version === 0x70 && variant === 0x80);
        },
      ),
    );
  });

  it.each([
    ["version 4", "5BA5C8B0-3C5B-4F5A-9E0C-0A8E1B6F2D11"],
    ["version 1", "C232AB00-9414-11EC-B3C8-9F6BDECED846"],
    ["nil", "00000000-0000-0000-0000-000000000000"],
    ["max", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"],
  ])("is no UUIDv7 if it is %s", (_what, uuid) => {
    expect(isUuidV7(bytesOf(uuid), 0)).toBe(false);
  });

  it("is the same as another only if all its bytes are", () => {
    fc.assert(
      fc.property(sixteen, fc.nat(127), (id, bit) => {
        const other = new Uint8Array(20);
        other.set(id, 3);
        expect(sameBytes(id, 0, other, 3, 16)).toBe(true);
        other[3 + (bit >> 3)] = (other[3 + (bit >> 3)] ?? 0) ^ (1 << (bit & 7));
        expect(sameBytes(id, 0, other, 3, 16)).toBe(false);
      }),
    );
  });
});
