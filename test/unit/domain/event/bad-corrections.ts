// How to make each reject of a void or a successor that the pricing service does not vouch for.
import { recordWriter } from "../../../../services/adapters/avro/codec.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import type { EventVoid } from "../../../../services/domain/event/reader.ts";
import { voidContent } from "../../../../services/domain/trust/corrections.ts";
import { makeVoid, uuidV7, type VoidFields } from "../../../support/builders/events.ts";
import { CORRECTION_MACS, macsOf, OTHER_CORRECTION_KEY } from "../../../support/builders/trust.ts";
import { NOW_MS, type Sent } from "../../../support/flows/intake.ts";

const VOIDED = uuidV7(NOW_MS - 1_000, "bad");
const OTHER = uuidV7(NOW_MS - 1_000, "other");

const voidV1 = (fields: VoidFields): Uint8Array =>
  recordWriter(
    loadSchemas().filter(({ version }) => version === "v1"),
    "event_void",
  )(fields).value;
const contentOfVoid = (): Uint8Array =>
  voidContent({ ...makeVoid(VOIDED), tenant_id: "tenant-01" } as unknown as EventVoid);
const macOfVoid = (): string => CORRECTION_MACS.macOf(contentOfVoid());

type Make = (changes?: Readonly<Record<string, unknown>>) => Sent;

/** `order` makes a void of the event "bad", and `event` that event, both good ones unless they are changed. */
export const badCorrections = ({ order, event }: { readonly order: Make; readonly event: Make }) => ({
  CORRECTION_MAC_MISSING: {
    "a void of version 1": { ...order(), value: voidV1(makeVoid(VOIDED)) },
    "a void without one": order({ correction_mac: null }),
  },
  CORRECTION_MAC_INVALID: {
    "a void for another tenant": order({ tenant_id: "another", correction_mac: macOfVoid() }),
    "a void for another reason": order({ reason: "another", correction_mac: macOfVoid() }),
    "a void for whoever's event": order({ tenant_id: null }),
    "a void of another event": { ...order({ event_id: OTHER, correction_mac: macOfVoid() }), key: OTHER },
    "a MAC that is cut": order({ correction_mac: macOfVoid().slice(0, -1) }),
    "a MAC that goes on": order({ correction_mac: `${macOfVoid()}A` }),
    "another key under the id of ours": order({
      correction_mac: macsOf(OTHER_CORRECTION_KEY.replace("test-2", "test-1")).macOf(contentOfVoid()),
    }),
    "a successor whose MAC is of something else": event({ correction_mac: macOfVoid() }),
  },
  CORRECTION_KEY_UNKNOWN: {
    "a key that is not in force": order({
      correction_mac: macsOf(OTHER_CORRECTION_KEY).macOf(contentOfVoid()),
    }),
    "no key id": order({ correction_mac: "nothing" }),
    "of a successor": event({ correction_mac: macsOf(OTHER_CORRECTION_KEY).macOf(contentOfVoid()) }),
  },
});
