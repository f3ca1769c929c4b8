// What raising alerts needs, over a test's own documents and ledger.

import { Secret } from "../../../services/adapters/config/secret.ts";
import { createWebhookSender } from "../../../services/adapters/http/webhook.ts";
import type { AlertDeps } from "../../../services/billing/budgets/alerts.ts";
import type { Clock } from "../../../services/domain/ports/clock.ts";
import type { TestDeps } from "./pricing-api.ts";

export const WEBHOOK_KEY = "the secret of every alert";

export function alertDeps(pricing: TestDeps, clock: Clock = pricing.clock): AlertDeps {
  const secret = new Secret(`whsec_${Buffer.from(WEBHOOK_KEY).toString("base64")}`);
  return {
    ...pricing,
    clock,
    webhooks: createWebhookSender({ secret, allowsPrivate: true, clock }),
    webhookAgeMsMax: 3_600_000,
  };
}
