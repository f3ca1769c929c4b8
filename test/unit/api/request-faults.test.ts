import { expect, it, onTestFinished } from "vitest";
import { testApi } from "../../support/flows/pricing-api.ts";

async function post(payload: object) {
  const { api, ask } = await testApi();
  onTestFinished(() => api.close());
  return ask("operator", { method: "POST", url: "/v1/budgets", payload });
}

interface Faults {
  readonly code: string;
  readonly detail: string;
  readonly faults: readonly { readonly path: string; readonly code: string }[];
}

it("a faulty request names all of its faults", async () => {
  const { body } = await post({
    tenant_id: "",
    amount: 10,
    period: "year",
    thresholds_percent: [0],
    other: 1,
  });
  const { code, faults } = body as unknown as Faults;
  expect(code).toBe("API_REQUEST_INVALID");
  const paths = new Set(faults.map(({ path }) => path));
  for (const name of ["tenant_id", "amount", "period", "thresholds_percent/0"]) {
    expect(paths, name).toContain(`body/${name}`);
  }
  expect(faults.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["required", "additionalProperties"]),
  );
});

it("a response has a bounded number of faults, and says how many there are", async () => {
  const thresholds_percent = Array.from({ length: 50_000 }, () => 0);
  const { body } = await post({ thresholds_percent });
  const { detail, faults } = body as unknown as Faults;
  expect(faults).toHaveLength(50);
  expect(detail).toMatch(/^50 of 5\d{4} faults are named\.$/);
});
