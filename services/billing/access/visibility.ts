import { ALL, type Audience, includes, oneTenant } from "../../domain/access/audience.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { isRefusal, type Refusal, refuse } from "../../domain/access/refusal.ts";

/**
 * Whose things a caller may see: a tenant its own; an operator those of the tenant that the request names, or everybody's if it
 * names none. Another tenant's things are refused as missing rather than forbidden: that they exist is nobody's business.
 */
export function audienceOf(
  caller: Caller,
  requested: string | undefined,
): Audience | Refusal<"API_NOT_FOUND"> {
  if (requested === undefined) return fullAudienceOf(caller);
  return canSee(caller, requested) ? oneTenant(requested) : refuse("API_NOT_FOUND");
}

/** Everything that a caller may see. */
export function fullAudienceOf(caller: Caller): Audience {
  return caller.scope === "tenant" ? oneTenant(caller.tenant_id) : ALL;
}

export function canSee(caller: Caller, tenant_id: string): boolean {
  return includes(fullAudienceOf(caller), tenant_id);
}

/** The one tenant that a request is about: of a tenant's key always its own; null where an operator names none. */
export function tenantOf(
  caller: Caller,
  requested: string | undefined,
): string | null | Refusal<"API_NOT_FOUND"> {
  const audience = audienceOf(caller, requested);
  if (isRefusal(audience)) return audience;
  return audience.kind === "tenant" ? audience.tenant_id : null;
}
