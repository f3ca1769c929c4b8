import type { Audience } from "../../domain/access/audience.ts";

/** The two parameters by which a query keeps to its audience: `{all_tenants:Bool} OR tenant_id = {tenant_id:String}`. */
export function audienceParams(audience: Audience): {
  readonly all_tenants: boolean;
  readonly tenant_id: string;
} {
  return audience.kind === "all"
    ? { all_tenants: true, tenant_id: "" }
    : { all_tenants: false, tenant_id: audience.tenant_id };
}
