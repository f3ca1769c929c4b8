import { type Problem, problem } from "../../adapters/http/problem.ts";
import { type Caller, SCOPES } from "../../adapters/http/route.ts";

export const EVERYBODY = SCOPES;
export const OPERATORS = ["operator", "admin"] as const;

/**
 * Whose things a caller may see: a tenant its own, whatever it asks for; others the tenant that they name, or everybody's
 * ("") if they name none. Another tenant's things are not there, rather than forbidden: that they exist is nobody's business.
 */
export function tenantFor(caller: Caller, asked: string | undefined): string | Problem {
  if (caller.scope !== "tenant") return asked ?? "";
  return asked === undefined || asked === caller.tenant_id ? caller.tenant_id : problem("API_NOT_FOUND");
}
