import { describe, expect, it } from "vitest";
import { recordDecoder } from "../../../services/adapters/avro/codec.ts";
import { loadSchemas } from "../../../services/adapters/avro/schemas.ts";
import { TRUST_EVERYONE } from "../../../services/domain/trust/trust.ts";
import { EVENT, ROWS } from "../../support/builders/ledger-rows.ts";
import { CORRECTION_KEY, OTHER_CORRECTION_KEY, TEST_TRUST, trustIn } from "../../support/builders/trust.ts";
import { memoryLedger } from "../../support/doubles/memory-ledger.ts";
import { TestIntake } from "../../support/flows/intake.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";

const schemas = loadSchemas();
const readVoid = recordDecoder(schemas, "event_void");
const readEvent = recordDecoder(schemas, "gpu_time_event");
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const post = (api: TestApi, action: string, payload: object, id = EVENT) =>
  api.ask("operator", { method: "POST", url: `/v1/events/${id}/${action}`, payload });

describe("a void", () => {
  it("sends one order, keyed by the event's id, and says who, when and why", async () => {
    const api = await testApi();
    const { status, body } = await post(api, "void", { reason: "measured twice" });
    expect(status).toBe(202);
    expect(body).toEqual({
      event_id: EVENT,
      action: "void",
      successor_id: null,
      hours: ["2026-11-23T10:00:00Z"],
    });
    expect(api.sent.map(({ key }) => hex(key))).toEqual([EVENT]);
    const order = readVoid(api.sent[0]?.value as Uint8Array);
    const key_id = api.keys.operator.split("_")[1];
    expect(order).toMatchObject({ reason: "measured twice", issued_by: key_id });
    const { body: history } = await api.ask("acme", { url: `/v1/events/${EVENT}` });
    expect(history["corrections"]).toEqual([
      {
        event_id: EVENT,
        action: "void",
        other_event_id: null,
        reason: "measured twice",
        written_by: key_id,
        written_at: "2026-11-23T12:34:56.789Z",
      },
    ]);
  });

  it("is ordered once: an event that is out cannot be taken out or amended", async () => {
    const api = await testApi();
    await post(api, "void", { reason: "measured twice" });
    for (const [action, more] of [
      ["void", {}],
      ["amend", { changes: { tokens_out: 1 } }],
    ] as const) {
      const again = await post(api, action, { reason: "again", ...more });
      expect(again).toMatchObject({ status: 409, body: { code: "EVENT_NOT_COUNTED" } });
    }
    expect(api.sent).toHaveLength(1);
  });

  it("needs an event that is there, and a reason", async () => {
    const api = await testApi();
    expect((await post(api, "void", { reason: "x" }, "f".repeat(32))).status).toBe(404);
    expect((await post(api, "void", {})).status).toBe(400);
    expect((await post(api, "void", { reason: "a\u0007b" })).status).toBe(400);
    expect((await post(api, "void", { reason: "x", tenant_id: "acme" })).status).toBe(400);
    expect(api.sent).toEqual([]);
  });

  it("that broke off before it was noted goes on with the next request", async () => {
    const issued = { issued_at: "2026-11-23T12:00:00Z", ingested_at: "2026-11-23T12:00:00Z" };
    const rows = (issued_by: string) => ({
      ...ROWS,
      voids: new Map([[EVENT, [{ reason: "measured twice", issued_by, ...issued }]]]),
    });
    const other = await testApi({ ledger: memoryLedger(rows("somebody else")) });
    expect((await post(other, "void", { reason: "measured twice" })).status).toBe(409);
    const api = await testApi();
    const own = rows(String(api.keys.operator.split("_")[1]));
    Object.assign(api.pricing.ledger, memoryLedger(own));
    expect((await post(api, "void", { reason: "measured twice" })).status).toBe(202);
  });
});

describe("an amendment", () => {
  it("sends the void and a successor that differs in what was changed and in its id", async () => {
    const api = await testApi();
    const changes = { gpu_time_ns: "60000000", tenant_id: "globex", energy_uj: null };
    const { status, body } = await post(api, "amend", { reason: "wrong tenant", changes });
    expect(status).toBe(202);
    const successor_id = String(body["successor_id"]);
    expect(successor_id.slice(0, 13)).toBe(EVENT.slice(0, 13));
    expect(successor_id).not.toBe(EVENT);
    expect(api.sent.map(({ key }) => hex(key))).toEqual([EVENT, successor_id]);
    expect(readEvent(api.sent[1]?.value as Uint8Array)).toMatchObject({
      gpu_time_ns: 60_000_000,
      tenant_id: "globex",
      energy_uj: null,
      user_id: null,
      model: "synthetic-7b",
      tokens_in: 374,
    });
    const again = await post(api, "amend", { reason: "wrong tenant", changes });
    expect(again).toMatchObject({
      status: 409,
      body: { code: "EVENT_AMENDED_ALREADY", detail: successor_id },
    });
  });

  it("that broke off between the two is finished by the same request, with the same successor", async () => {
    const api = await testApi();
    const { send } = api.pricing.corrections;
    const changes = { tokens_in: 1 };
    const request = {
      method: "POST" as const,
      url: `/v1/events/${EVENT}/amend`,
      payload: { reason: "typing error", changes },
      headers: { "idempotency-key": "correction-1" },
    };
    const breaksOff = async (records: Parameters<typeof send>[0]) => {
      if (api.sent.length > 0) throw new Error("the process died");
      await send(records);
    };
    Object.assign(api.pricing, { corrections: { send: breaksOff } });
    expect((await api.ask("operator", request)).status).toBe(500);
    expect(api.sent.map(({ key }) => hex(key))).toEqual([EVENT]);

    const kept = { reason: "typing error", issued_by: String(api.keys.operator.split("_")[1]) };
    const when = { issued_at: "2026-11-23T12:00:00Z", ingested_at: "2026-11-23T12:00:00Z" };
    const voids = new Map([[EVENT, [{ ...kept, ...when }]]]);
    Object.assign(api.pricing, { corrections: { send } });
    Object.assign(api.pricing.ledger, memoryLedger({ ...ROWS, voids }));
    const { status, body } = await api.ask("operator", request);
    expect(status).toBe(202);
    expect(api.sent.map(({ key }) => hex(key))).toEqual([EVENT, EVENT, body["successor_id"]]);
    expect((await api.ask("operator", request)).body).toEqual(body);
    expect(api.sent).toHaveLength(3);
  });

  it.each([
    // elapsed busy time stays GPU time, and busy time that is taken out is elapsed
    ["elapsed", "120000000", { gpu_time_ns: "60000000" }, 60_000_000, "elapsed"],
    ["counter", "90000000", { gpu_busy_ns: null }, null, "elapsed"],
    ["counter", "90000000", { gpu_time_ns: "60000000" }, 90_000_000, "counter"],
    ["elapsed", null, { gpu_busy_ns: "50000000", busy_quality: "sampled" }, 50_000_000, "sampled"],
  ])("of busy time that is %s, %s ns, by %j", async (busy_quality, gpu_busy_ns, changes, busy, quality) => {
    const stored = ROWS.stored.map((event) => ({ ...event, busy_quality, gpu_busy_ns }));
    const api = await testApi({ ledger: memoryLedger({ ...ROWS, stored }) });
    const { status } = await post(api, "amend", { reason: "busy", changes });
    expect(status).toBe(202);
    const successor = readEvent(api.sent[1]?.value as Uint8Array);
    expect(successor).toMatchObject({ gpu_busy_ns: busy, busy_quality: quality });
  });

  it("refuses busy time without the quality that it has", async () => {
    const { status, body } = await post(await testApi(), "amend", {
      reason: "busy",
      changes: { gpu_busy_ns: "50000000" },
    });
    expect(status).toBe(422);
    expect(JSON.stringify(body)).toContain("EVENT_BUSY_QUALITY");
  });

  it("has the same successor for the same changes, in any order", async () => {
    const ids = [];
    for (const changes of [
      { tokens_in: 1, tokens_out: 2 },
      { tokens_out: 2, tokens_in: 1 },
      { tokens_out: 2, tokens_in: 2 },
    ]) {
      const { body } = await post(await testApi(), "amend", { reason: "x", changes });
      ids.push(body["successor_id"]);
    }
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  it("is refused where its successor would be rejected, and sends nothing", async () => {
    const api = await testApi();
    const changes = { gpu_time_ns: "900000000000000" };
    const { status, body } = await post(api, "amend", { reason: "typing error", changes });
    expect([status, body["code"]]).toEqual([422, "EVENT_SUCCESSOR_INVALID"]);
    expect(body["detail"]).toMatch(/^EVENT_GPU_TIME_EXCEEDS_SPAN: /);
    const old = await testApi({ eventAgeMsMax: 60_000 });
    const late = await post(old, "amend", { reason: "late", changes: { tokens_in: 1 } });
    expect(late.body["detail"]).toMatch(/^EVENT_TIME_TOO_OLD/);
    expect([...api.sent, ...old.sent]).toEqual([]);
  });

  it.each([
    {},
    { gpu_time_ns: 5 },
    { gpu_time_ns: "-5" },
    { gpu_time_ns: "1.5" },
    { tokens_in: 2 ** 32 },
    { event_id: EVENT },
    { tenant_id: "" },
    { outcome: "great" },
  ])("takes no %j", async (changes) => {
    const { status } = await post(await testApi(), "amend", { reason: "x", changes });
    expect(status).toBe(400);
  });

  it("takes no text that is longer in bytes than the log keeps, or that holds control characters", async () => {
    for (const model of ["ü".repeat(100), "a\u0000b"]) {
      const { status } = await post(await testApi(), "amend", { reason: "x", changes: { model } });
      expect([400, 422], model).toContain(status);
    }
  });
});

describe("what is sent", () => {
  it("has a MAC of what it says: a void of its tenant, a successor of its contents", async () => {
    const api = await testApi();
    await post(api, "amend", { reason: "wrong tenant", changes: { tokens_out: 1 } });
    const [order, successor] = api.sent.map(({ key, value }) => ({ key, value }));
    expect(readVoid(order?.value as Uint8Array)).toMatchObject({ tenant_id: "acme" });
    for (const [trust, outcome] of [
      [TEST_TRUST, { counted: 2, rejected: 0 }],
      [trustIn(OTHER_CORRECTION_KEY), { counted: 0, rejected: 2 }],
      [trustIn(`${OTHER_CORRECTION_KEY},${CORRECTION_KEY}`), { counted: 2, rejected: 0 }],
    ] as const) {
      const intake = new TestIntake({}, trust);
      for (const record of [order, successor]) {
        if (record !== undefined) intake.send(record, 0, api.clock.nowMs());
      }
      intake.takeLate();
      expect(intake.account()).toMatchObject(outcome);
    }
  });

  it("is of no use with another tenant's name, nor for another event", async () => {
    const api = await testApi();
    await post(api, "amend", { reason: "wrong tenant", changes: { tokens_out: 1 } });
    const [order, successor] = api.sent;
    const intake = new TestIntake();
    for (const record of [order, successor]) {
      const value = Buffer.from(record?.value ?? []);
      value.write("acmf", value.indexOf("acme"));
      intake.send({ key: record?.key ?? null, value }, 0, api.clock.nowMs());
    }
    intake.takeLate();
    expect(intake.account()).toMatchObject({ counted: 0, rejected: 2 });
    expect([...intake.block.rejects]).toEqual([["CORRECTION_MAC_INVALID", 2]]);
  });

  it("goes without a MAC where no key is configured, and is then counted only where that is allowed", async () => {
    const api = await testApi({ macOf: null });
    await post(api, "void", { reason: "measured twice" });
    const [order] = api.sent;
    for (const [trust, counted] of [
      [TRUST_EVERYONE, 1],
      [TEST_TRUST, 0],
      [{ ...TEST_TRUST, corrections: { ...TEST_TRUST.corrections, unsigned_voids: true } }, 1],
    ] as const) {
      const intake = new TestIntake({}, trust);
      if (order !== undefined) intake.send(order, 0, api.clock.nowMs());
      intake.takeLate();
      expect(intake.account().counted).toBe(counted);
    }
  });
});
