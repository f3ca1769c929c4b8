import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { DESCRIPTIONS } from "../../../services/api/describe.ts";
import { NAMED_SCHEMAS } from "../../../services/api/named-schemas.ts";
import { testApi } from "../../support/flows/pricing-api.ts";

it.each(Object.entries(DESCRIPTIONS))("%s is what `npm run api` would write", (path, text) => {
  expect(readFileSync(path, "utf8") === text(), "run `npm run api`").toBe(true);
});

it("what is served is what is described", async () => {
  const { ask } = await testApi();
  const { body } = await ask("nobody", { url: "/openapi.json" });
  expect(body).toEqual(JSON.parse(readFileSync("docs/openapi.json", "utf8")));
});

it.each(Object.keys(NAMED_SCHEMAS))("%s is written once, and referred to by its name", (name) => {
  const text = DESCRIPTIONS["docs/openapi.json"]();
  expect(text).toContain(`"$ref": "#/components/schemas/${name}"`);
  expect(JSON.parse(text).components.schemas[name]).toMatchObject({ type: "object" });
});
