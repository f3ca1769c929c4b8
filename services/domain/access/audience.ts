/**
 * Whose rows an answer may hold: everybody's and the operator's own, or one tenant's. A type of its own from the route down to the
 * parameter of the query, so that a forgotten or empty id can never stand for everybody.
 */
export type Audience = { readonly kind: "all" } | { readonly kind: "tenant"; readonly tenant_id: string };

export const ALL: Audience = { kind: "all" };

export const oneTenant = (tenant_id: string): Audience => ({ kind: "tenant", tenant_id });

/** Whether rows of this tenant may be in the answer. */
export function includes(audience: Audience, tenant_id: string): boolean {
  return audience.kind === "all" || audience.tenant_id === tenant_id;
}
