/** The right to write, until somebody with a higher (epoch, owner) takes it or it runs out. */
export interface Lease {
  readonly epoch: bigint;
  readonly owner: string;
}

export type LeaseAnswer =
  | { readonly kind: "held"; readonly lease: Lease }
  | { readonly kind: "taken"; readonly owner: string; readonly left_ms: number };
