/** What an API key may do. An operator may do what a tenant may, for every tenant; an admin all of it, and keys. */
export const SCOPES = ["tenant", "operator", "admin"] as const;
export type Scope = (typeof SCOPES)[number];
export const OPERATORS = ["operator", "admin"] as const satisfies readonly Scope[];

/** The owner of the API key that a request came with. A key of the scope `tenant` belongs to one tenant. */
export type Caller =
  | { readonly key_id: string; readonly scope: "tenant"; readonly tenant_id: string }
  | { readonly key_id: string; readonly scope: "operator" | "admin" };
