// What tells a copy from a conflict cannot be forged, and rows of before are compared as they were hashed.
import { describe, expect, it } from "vitest";
import {
  type HashPayload,
  type PayloadHash,
  unkeyedHash,
} from "../../../../services/domain/event/payload-hash.ts";
import { encodeEvent, makeEvent } from "../../../support/builders/events.ts";
import { TEST_HASH } from "../../../support/builders/payload-hash.ts";
import { HOUR_MS, NOW_HOUR, NOW_MS, TestIntake } from "../../../support/flows/intake.ts";

const HEADER = 10;
const PROOFS = 2;
const TEXT = "a".repeat(40);

type Encoded = ReturnType<typeof encodeEvent>;
const event = (changes: Record<string, unknown> = {}, endMs = NOW_MS - 1_000) =>
  encodeEvent(makeEvent(endMs, "same id", { user_id: TEXT, ...changes }));

function hashOf({ value }: Encoded, hash: HashPayload): PayloadHash {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return { ...hash(view, HEADER, value.length - PROOFS) };
}

const C1 = 0xcc9e2d51;
const inverse = (odd: number): number => {
  let found = odd;
  for (let i = 0; i < 5; i++) found = Math.imul(found, 2 - Math.imul(odd, found));
  return found;
};
const C1_INVERSE = inverse(C1);
const rotate = (value: number) => (value << 15) | (value >>> 17);
const mix = (lane: number, word: number) => rotate(Math.imul(lane ^ Math.imul(word, C1), 0x1b873593));

/** What the lane holds before a word at `to`, each 16 bytes from the one before. */
function laneBefore(body: DataView, to: number): number {
  const first = [0x9e3779b9 ^ body.byteLength, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f][(to % 16) / 4] as number;
  let lane = first;
  for (let at = to % 16; at < to; at += 16) lane = mix(lane, body.getInt32(at, true));
  return lane;
}

/** Another user_id of the same unkeyed hash: a word of it is chosen, and the one 16 bytes later makes up for it. */
function forge(honest: Encoded): string {
  const value = Buffer.from(honest.value);
  const text = value.indexOf(TEXT) - HEADER;
  const at = Math.ceil(text / 4) * 4;
  const body = new DataView(value.buffer, value.byteOffset + HEADER, value.length - HEADER - PROOFS);
  const before = laneBefore(body, at);
  const honestLane = mix(before, body.getInt32(at, true));
  const last = Math.imul(body.getInt32(at + 16, true), C1);
  for (let i = 0; i < 26 ** 4; i++) {
    const word = Buffer.from([0, 1, 2, 3].map((place) => 97 + (Math.floor(i / 26 ** place) % 26)));
    const other = Math.imul(honestLane ^ last ^ mix(before, word.readInt32LE()), C1_INVERSE);
    const made = Buffer.alloc(4);
    made.writeInt32LE(other);
    if (i === 0 || made.some((byte) => byte < 0x20 || byte > 0x7e)) continue;
    const forged = Buffer.from(TEXT);
    word.copy(forged, at - text);
    made.copy(forged, at - text + 16);
    return forged.toString();
  }
  throw new Error("no text makes up for another");
}

describe("the payload hash", () => {
  it("tells two events apart that were made to have one hash where it has no key", () => {
    const honest = event();
    const forged = event({ user_id: forge(honest) });
    expect(hashOf(forged, unkeyedHash)).toEqual(hashOf(honest, unkeyedHash));
    const intake = new TestIntake();
    intake.send(forged);
    intake.send(honest);
    intake.send(honest);
    expect(intake.account()).toMatchObject({ counted: 1, conflicts: 2, duplicates: 0 });
  });

  it("of an event that was counted without a key is compared without one", () => {
    const intake = new TestIntake();
    intake.memory.open(0, NOW_HOUR - 2);
    const { key, ...sent } = event();
    intake.memory.add(0, "event", key, 0, hashOf({ key, ...sent }, unkeyedHash));
    intake.send(event());
    intake.send(event({ user_id: "another" }));
    expect(intake.account()).toMatchObject({ counted: 0, duplicates: 1, conflicts: 1 });
  });

  it.each([
    ["all bits with a key", TEST_HASH, {}, "duplicates"],
    ["all bits without one", unkeyedHash, {}, "duplicates"],
    ["another upper half", TEST_HASH, { upperHigh: 7 }, "conflicts"],
    ["the lower half with a key in a row without one", TEST_HASH, { upperLow: 0, upperHigh: 0 }, "conflicts"],
  ] as const)("of a late event is looked up: %s", (_name, hash, changes, verdict) => {
    const intake = new TestIntake();
    const late = event({}, NOW_MS - 10 * HOUR_MS);
    expect(intake.send(late)).toBe(false);
    intake.takeLate(() => ({ ...hashOf(late, hash), ...changes }));
    expect(intake.account()).toMatchObject({ counted: 0, duplicates: 0, conflicts: 0, [verdict]: 1 });
  });
});
