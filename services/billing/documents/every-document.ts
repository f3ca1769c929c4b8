import type { DocumentKind, Documents, WrittenDocument } from "../../domain/ports/documents.ts";

const PAGE = 1_000;

/** The newest version of every document of a kind, in the order of their ids, after one. */
export async function* everyDocument(
  documents: Pick<Documents, "list">,
  kind: DocumentKind,
  after: string,
): AsyncGenerator<WrittenDocument> {
  let place = after;
  for (;;) {
    const page = await documents.list(kind, place, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    place = last.id;
  }
}
