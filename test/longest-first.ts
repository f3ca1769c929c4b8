// The order of test files: the longest first, so that none is left to one worker while the other has nothing more to do.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Each is a good part of a run. A machine that has run the tests before knows the rest, too, by its cache. */
const LONGEST = ["demo", "kill-9", "api-schemathesis", "many-processors", "position-lost", "local-stack"];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return found < 0 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((left, right) => place(left) - place(right));
  }
}
