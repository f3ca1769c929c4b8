// One rule of clean text: the processor and the API judge each case of schemas/clean-text.json alike; the probe's tests run it too.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SCHEMAS_DIRECTORY } from "../../../../services/adapters/avro/schemas.ts";
import { isCleanText } from "../../../../services/domain/event/text.ts";
import { encodeEvent, makeEvent } from "../../../support/builders/events.ts";
import { NOW_MS, TestIntake } from "../../../support/flows/intake.ts";
import { testApi } from "../../../support/flows/pricing-api.ts";

interface Case {
  readonly what: string;
  readonly text: string;
  readonly is_clean: boolean;
}
const CASES = JSON.parse(readFileSync(`${SCHEMAS_DIRECTORY}/clean-text.json`, "utf8")) as readonly Case[];

describe("clean text", () => {
  it.each(CASES)("$what", ({ text, is_clean }) => {
    const bytes = Buffer.concat([Buffer.from("\u0000"), Buffer.from(text), Buffer.from("\u0000")]);
    expect(isCleanText(bytes, 1, bytes.length - 2)).toBe(is_clean);
  });

  it.each(["tenant_id", "project_id", "session_id", "user_id"])(
    "is all that the processor takes as a %s",
    (field) => {
      const intake = new TestIntake();
      const counted = CASES.map(({ what, text }) => {
        const before = intake.account().counted;
        intake.send(encodeEvent(makeEvent(NOW_MS - 1_000, what, { [field]: text })));
        return intake.account().counted > before;
      });
      expect(counted).toEqual(CASES.map(({ is_clean }) => is_clean));
    },
  );

  it("is all that the API takes as a tenant's id", async () => {
    const api = await testApi();
    for (const { what, text, is_clean } of CASES) {
      const { status } = await api.ask("operator", {
        url: `/v1/budgets?tenant_id=${encodeURIComponent(text)}`,
      });
      expect([what, status === 400]).toEqual([what, !is_clean]);
    }
  });
});
