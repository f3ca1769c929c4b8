import type { Fault } from "../event/codes.ts";
import type { WindowKey } from "../window/sums.ts";
import { EVENT_DICTIONARIES } from "./columns.ts";

/**
 * What an event's rows and its windows are filed under. `Block.intern` alone fills it: one object for all events of a block,
 * valid until the next call.
 */
export class EventKeys {
  /** Dictionary positions, in the order of EVENT_DICTIONARIES. */
  readonly positions = new Uint16Array(EVENT_DICTIONARIES.length);
  /** All but the hour, in which the slices of one event differ. */
  readonly window = windowKey();
}

export const isFault = (keys: EventKeys | Fault): keys is Fault => !(keys instanceof EventKeys);

/** An empty key to fill. All are made here: objects of one shape keep the look-up fast. */
export function windowKey(): { -readonly [K in keyof WindowKey]: WindowKey[K] } {
  return { hour: 0, tenant: 0, project: 0, model: 0, gpuModel: 0, sharing: 0, phase: 0, outcome: 0 };
}
