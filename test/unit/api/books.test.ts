import { expect, it } from "vitest";
import { bookDocument } from "../../support/builders/price-books.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";

const post = (api: TestApi, url: string, payload?: object) =>
  api.ask("operator", { method: "POST", url, ...(payload === undefined ? {} : { payload }) });

function bookAt(effective_from: string, changes: object = {}): object {
  return { ...bookDocument(), effective_from, ...changes };
}

it("every fault of a book is named, and a book with faults is not kept", async () => {
  const api = await testApi();
  const bad = { ...bookDocument(), currency: "dollars", extra: 1 };
  const { body } = await post(api, "/v1/price-books/validate", bad);
  expect(body).toMatchObject({ is_valid: false, price_book: null });
  expect(body["faults"]).toHaveLength(2);
  const refused = await post(api, "/v1/price-books", bad);
  expect(refused).toMatchObject({ status: 422, body: { code: "BOOK_INVALID", faults: body["faults"] } });
  expect((await api.ask("operator", { url: "/v1/price-books" })).body.items).toEqual([]);
});

it("an amount as a JSON number or with too many digits is a fault", async () => {
  const api = await testApi();
  for (const rate of [2.5, "2.5000000000001", "-1", "1e3"]) {
    const book = structuredClone(bookDocument()) as { gpus: { rate_per_gpu_hour: unknown }[] };
    for (const gpu of book.gpus) gpu.rate_per_gpu_hour = rate;
    const { body } = await post(api, "/v1/price-books/validate", book);
    expect(body["is_valid"], String(rate)).toBe(false);
  }
});

it.each([null, [], "book", 7, true])("%j is no book", async (payload) => {
  const api = await testApi();
  const { status, body } = await api.ask("operator", {
    method: "POST",
    url: "/v1/price-books/validate",
    payload: JSON.stringify(payload),
    headers: { "content-type": "application/json" },
  });
  expect([status, body["is_valid"]]).toEqual([200, false]);
});

it("a book has the same name however it is written, and is kept once", async () => {
  const api = await testApi();
  const one = await post(api, "/v1/price-books", bookDocument());
  const turned = Object.fromEntries(Object.entries(bookDocument()).reverse());
  const two = await post(api, "/v1/price-books", turned);
  expect([one.status, two.status]).toEqual([201, 201]);
  expect(one.body).toEqual(two.body);
  expect((await api.ask("operator", { url: "/v1/price-books" })).body.items).toHaveLength(1);
});

it("a draft is published once and for all; two books never begin in the same hour", async () => {
  const api = await testApi();
  const draft = await post(api, "/v1/price-books", bookDocument());
  const url = `/v1/price-books/${draft.body["price_book"]}`;
  expect((await api.ask("operator", { url })).headers["etag"]).toBeUndefined();
  expect((await post(api, `${url}/publish`)).body["status"]).toBe("published");
  expect((await post(api, `${url}/publish`)).body["status"]).toBe("published");
  const { headers } = await api.ask("acme", { url });
  expect(headers["etag"]).toBe(`"${draft.body["price_book"]}"`);
  const rival = await post(api, "/v1/price-books", { ...bookDocument(), name: "rival" });
  const refused = await post(api, `/v1/price-books/${rival.body["price_book"]}/publish`);
  expect(refused).toMatchObject({ status: 409, body: { code: "BOOK_OVERLAPS" } });
  const absent = await post(api, `/v1/price-books/${"0".repeat(64)}/publish`);
  expect(absent.status).toBe(404);
});

it("books are listed in the order in which they take effect, page by page", async () => {
  const api = await testApi();
  for (const month of ["03", "01", "02"]) {
    await post(api, "/v1/price-books", bookAt(`2027-${month}-01T00:00:00Z`));
  }
  const first = await api.ask("operator", { url: "/v1/price-books?limit=2" });
  const next = `/v1/price-books?limit=2&cursor=${first.body["next_cursor"]}`;
  const rest = await api.ask("operator", { url: next });
  const months = [...first.body.items, ...rest.body.items].map((it) =>
    String(it["effective_from"]).slice(5, 7),
  );
  expect(months).toEqual(["01", "02", "03"]);
  expect(rest.body["next_cursor"]).toBeNull();
});

it("a difference names what changes, cards by their names", async () => {
  const api = await testApi();
  const before = await post(api, "/v1/price-books", bookAt("2027-01-01T00:00:00Z"));
  const dearer = structuredClone(bookAt("2027-02-01T00:00:00Z")) as {
    gpus: { gpu_model: string; rate_per_gpu_hour: string }[];
  };
  for (const gpu of dearer.gpus) gpu.rate_per_gpu_hour = "2.75";
  dearer.gpus.push(...dearer.gpus.map((gpu) => ({ ...gpu, gpu_model: "A100" })));
  const after = await post(api, "/v1/price-books", dearer);
  const url = `/v1/price-books/${after.body["price_book"]}/diff?against=${before.body["price_book"]}`;
  const { body } = await api.ask("operator", { url });
  const changes = body["changes"] as { path: string; before: string | null; after: string | null }[];
  expect(changes).toContainEqual({
    path: "gpus[NVIDIA H100 80GB HBM3].rate_per_gpu_hour",
    before: "2.500000000000",
    after: "2.750000000000",
  });
  expect(changes.filter(({ path }) => path.startsWith("gpus[A100]")).every((it) => it.before === null)).toBe(
    true,
  );
  expect(changes.some(({ path }) => path === "currency")).toBe(false);
});
