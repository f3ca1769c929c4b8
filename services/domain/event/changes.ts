import type { FIELDS, FieldsWith } from "./fields.ts";

type Value<F> = F extends { readonly symbols: readonly (infer S extends string)[] }
  ? S
  : F extends { readonly kind: "uint16" | "uint32" }
    ? number
    : string;

/** What a correction may change of an event. Quantities of 64 bits are texts; null takes an optional one out. */
export type EventChanges = {
  [N in FieldsWith<{ readonly amendable: true }>]?:
    | Value<(typeof FIELDS)[N]>
    | ((typeof FIELDS)[N] extends { readonly nullable: true } ? null : never);
};
