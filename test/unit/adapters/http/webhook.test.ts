import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Secret } from "../../../../services/adapters/config/secret.ts";
import {
  createWebhookSender,
  secretFault,
  type WebhookOptions,
} from "../../../../services/adapters/http/webhook.ts";
import { addressFault, urlFault } from "../../../../services/adapters/http/webhook-address.ts";
import { ManualClock } from "../../../support/doubles/manual-clock.ts";
import { startReceiver } from "../../../support/stack/webhook-receiver.ts";

const NOW = 1_795_000_000_000;
const sender = (changes: Partial<WebhookOptions> = {}) =>
  createWebhookSender({
    secret: secretOf("a"),
    allowsPrivate: true,
    clock: new ManualClock(NOW),
    ...changes,
  });
const key = (letter: string) => letter.repeat(24);
const secretOf = (...letters: string[]) =>
  new Secret(letters.map((it) => `whsec_${Buffer.from(key(it)).toString("base64")}`).join(" "));
const hmac = (key: Buffer | string, text: string) => createHmac("sha256", key).update(text).digest("base64");
const HOOK = { id: "alert-1", body: '{"type":"budget.threshold_reached"}' };

describe("a webhook's URL", () => {
  it.each([
    ["https://example.com/hook?key=1", null],
    ["https://93.184.215.14:8443/", null],
    ["https://[2606:4700::1111]/", null],
    ["http://example.com/", "https://"],
    ["http://127.0.0.1/", "https://"],
    ["ftp://example.com/", "https://"],
    ["file:///etc/passwd", "https://"],
    ["https://user:password@example.com/", "user or password"],
    ["https://example.com/#part", "fragment"],
    ["example.com", "no URL"],
    [`https://example.com/${"x".repeat(2_048)}`, "longer"],
    ["https://127.0.0.1/", "not public"],
    ["https://2130706433/", "not public"],
    ["https://0x7f.1/", "not public"],
    ["https://10.1.2.3/", "not public"],
    ["https://172.31.255.255/", "not public"],
    ["https://192.168.0.1/", "not public"],
    ["https://169.254.169.254/latest/meta-data/", "not public"],
    ["https://100.64.0.1/", "not public"],
    ["https://0.0.0.0/", "not public"],
    ["https://255.255.255.255/", "not public"],
    ["https://[::1]/", "not public"],
    ["https://[::ffff:10.0.0.1]/", "not public"],
    ["https://[64:ff9b::a00:1]/", "not public"],
    ["https://[fe80::1]/", "not public"],
    ["https://[fd00::1]/", "not public"],
    ["https://[2002:a00:1::]/", "not public"],
    ["https://[2001:db8::1]/", "not public"],
  ])("%s: %s", (url, fault) => {
    const detail = urlFault(url, { allowsPrivate: false });
    if (fault === null) expect(detail).toBeNull();
    else expect(detail).toContain(fault);
  });

  it("may be private where a setting allows it, and plain HTTP goes to this machine itself only", () => {
    const rules = { allowsPrivate: true };
    expect(urlFault("https://10.1.2.3/", rules)).toBeNull();
    expect(urlFault("http://[::1]:8080/", rules)).toBeNull();
    expect(urlFault("http://10.1.2.3/", rules)).toContain("this machine itself");
    expect(addressFault("10.1.2.3", new URL("http://localhost/"), rules)).toContain("this machine itself");
  });

  it("that is a name is looked up when it is sent, and refused where it leads inside", async () => {
    const url = "https://localhost:1/";
    expect(urlFault(url, { allowsPrivate: false })).toBeNull();
    const answer = await sender({ allowsPrivate: false }).send({ ...HOOK, url });
    expect(answer).toEqual({ isAccepted: false, detail: "leads to an address that is not public" });
  });
});

describe("a secret", () => {
  it.each(["text", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all", `whsec_${"A".repeat(120)}`])(
    "%j is none",
    (text) => {
      expect(secretFault(new Secret(text))).toContain("whsec_");
      expect(() => sender({ secret: new Secret(text) })).toThrow("whsec_");
    },
  );
});

describe("a webhook", () => {
  it("is signed with its id, the time and the body, by each of the secrets", async () => {
    const receiver = await startReceiver(204);
    const answer = await sender({ secret: secretOf("a", "b") }).send({ ...HOOK, url: receiver.url });
    expect(answer).toEqual({ isAccepted: true, detail: "status 204" });
    const [{ headers, body } = { headers: {}, body: "" }] = receiver.received;
    expect(body).toBe(HOOK.body);
    const text = `alert-1.1795000000.${HOOK.body}`;
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": "alert-1",
      "webhook-timestamp": "1795000000",
      "webhook-signature": `v1,${hmac(key("a"), text)} v1,${hmac(key("b"), text)}`,
    });
  });

  it("without a secret goes nowhere", async () => {
    const receiver = await startReceiver(200);
    const answer = await sender({ secret: undefined }).send({ ...HOOK, url: receiver.url });
    expect(answer).toMatchObject({ isAccepted: false, detail: expect.stringContaining("WEBHOOK_SECRET") });
    expect(receiver.received).toEqual([]);
  });

  it("follows no redirect", async () => {
    const inside = await startReceiver(200);
    const receiver = await startReceiver((reply) => reply.writeHead(307, { location: inside.url }).end());
    const answer = await sender().send({ ...HOOK, url: receiver.url });
    expect(answer).toEqual({ isAccepted: false, detail: "status 307" });
    expect(inside.received).toEqual([]);
  });

  it("waits for an answer no longer than it should, and for its end not beyond a size", async () => {
    const silent = await startReceiver(() => undefined);
    const late = await sender({ timeoutMs: 50 }).send({ ...HOOK, url: silent.url });
    expect(late).toEqual({ isAccepted: false, detail: "no answer within 50 ms" });
    const chatty = await startReceiver((reply) => {
      const more = () => {
        while (!reply.destroyed && reply.write("x".repeat(65_536)));
        reply.once("drain", more);
      };
      more();
    });
    expect(await sender().send({ ...HOOK, url: chatty.url })).toMatchObject({ detail: "status 200" });
  });

  it("that finds nobody says so", async () => {
    const answer = await sender().send({ ...HOOK, url: "http://127.0.0.1:1/" });
    expect(answer.isAccepted).toBe(false);
    expect(answer.detail).toContain("ECONNREFUSED");
  });
});
