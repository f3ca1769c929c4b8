import { describe, expect, it } from "vitest";
import { parseSessionKeys } from "../../../../services/adapters/crypto/session-keys.ts";
import { readPriceBook } from "../../../../services/domain/books/price-book.ts";
import { ENUMS } from "../../../../services/domain/event/record.ts";
import { rate } from "../../../../services/domain/rating/rate.ts";
import { Sessions } from "../../../../services/domain/trust/sessions.ts";
import { trustConflict } from "../../../../services/processor/trust.ts";
import { encodeEvent, makeEvent } from "../../../support/builders/events.ts";
import { bookDocument, demoBook, usageRow } from "../../../support/builders/price-books.ts";
import { SESSION_KEYS, sessionTrust, TEST_TRUST, tokenOf } from "../../../support/builders/trust.ts";
import { NOW_MS, TestIntake } from "../../../support/flows/intake.ts";

const event = (seed: string, fields: Record<string, unknown> = {}) =>
  encodeEvent(makeEvent(NOW_MS - 1_000, seed, fields));

function counting() {
  const checks: string[] = [];
  const check = parseSessionKeys(SESSION_KEYS);
  if (check === undefined) throw new Error("no keys");
  const sessions = new Sessions({
    required: true,
    check: (key_id, signed, signature) => {
      checks.push(signed);
      return check(key_id, signed, signature);
    },
  });
  return { checks, intake: new TestIntake({ block_rows_max: 50_000 }, { ...TEST_TRUST, sessions }) };
}

describe("signed sessions", () => {
  it("count with their token, with a model's and up to the second that it expires", () => {
    const intake = new TestIntake({}, sessionTrust(true));
    const ended_s = NOW_MS / 1000 - 1;
    for (const [i, claims] of [
      {},
      { model: "synthetic-7b" },
      { session_prefix: "session-own-2" },
      { not_before_s: Math.floor(ended_s) - 1, expires_at_s: Math.ceil(ended_s) },
    ].entries()) {
      intake.send(event(`own-${i}`, { session_token: tokenOf(claims) }));
    }
    expect([...intake.block.rejects]).toEqual([]);
    expect(intake.account().counted).toBe(4);
  });

  it("of one token are checked once, good or bad", () => {
    const { checks, intake } = counting();
    const [good, bad] = [tokenOf(), `${tokenOf().slice(0, -4)}AAAA`];
    for (let i = 0; i < 50; i++) intake.send(event(`e-${i}`, { session_token: i % 2 === 0 ? good : bad }));
    expect(intake.account()).toMatchObject({ counted: 25, rejected: 25 });
    expect(checks).toHaveLength(2);
  });

  it("are remembered within a bound, and those in use stay remembered", () => {
    const { checks, intake } = counting();
    const held = tokenOf();
    for (let i = 0; i < 10_000; i++) {
      if (i % 500 === 0) intake.send(event(`held-${i}`, { session_token: held }));
      intake.send(event(`e-${i}`, { session_token: `mhs1.x.AAAA.${String(i).padStart(86, "0")}` }));
    }
    expect(checks).toHaveLength(1);
  });

  it("that come again with another token are copies", () => {
    const intake = new TestIntake({}, sessionTrust(true));
    intake.send(event("again", { session_token: tokenOf() }));
    intake.send(event("again", { session_token: tokenOf({ expires_at_s: 3_900_000_000 }) }));
    expect(intake.account()).toMatchObject({ counted: 1, duplicates: 1, conflicts: 0 });
  });

  it("need no token for the operator's own work, and what needs none is charged to no tenant", () => {
    for (const phase of ENUMS.phase) {
      const intake = new TestIntake({}, sessionTrust(true));
      intake.send(event(phase, { phase }));
      const isCounted = intake.account().counted === 1;
      const rated = rate(usageRow({ phase }), demoBook());
      const billed = rated.kind === "charged" ? rated.charge.billed_to : "";
      expect([phase, isCounted, billed]).toEqual(
        phase === "inference" ? [phase, false, "tenant-01"] : [phase, true, "operator"],
      );
      const document = bookDocument();
      const phases = { ...(document["phases"] as object), [phase]: "tenant" };
      expect([phase, readPriceBook({ ...document, phases }).ok]).toEqual([phase, !isCounted]);
    }
  });

  it("are refused in the operator's phases too where a token is there and is none", () => {
    const intake = new TestIntake({}, sessionTrust(true));
    intake.send(event("warm", { phase: "warmup", session_token: "anything" }));
    intake.send(event("cold", { phase: "load", session_token: tokenOf({ tenant_id: "tenant-02" }) }));
    expect(intake.rows("rejected").map(({ reject_code }) => reject_code)).toEqual([
      "EVENT_TOKEN_INVALID",
      "EVENT_TOKEN_MISMATCH",
    ]);
  });

  it("are not asked for where no key is known, and a processor that requires them needs keys", () => {
    const intake = new TestIntake();
    intake.send(event("unsigned"));
    intake.send(event("unread", { session_token: "anything" }));
    expect(intake.account().counted).toBe(2);
    const settings = { correction_macs: undefined, unsigned_voids: undefined, session_check: undefined };
    expect(trustConflict({ ...settings, require_signed_sessions: true })).toContain("SESSION_KEYS_FILE");
    expect(trustConflict({ ...settings, require_signed_sessions: false })).toBeUndefined();
  });

  it.each(["", "[]", "{}", '{"a":"short"}', '{"A B":"x"}'])("need keys that are keys: %s", (text) => {
    expect(parseSessionKeys(text)).toBeUndefined();
  });
});
