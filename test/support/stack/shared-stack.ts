// Starts what the tests of the stack share, before the first of them.
import type { TestProject } from "vitest/node";
import { setUp } from "../../../services/local/setup.ts";
import { startStack } from "../../../services/local/stack.ts";
import { MIGRATIONS, TEST_DATABASES } from "./stack.ts";
import { makeTemplate, TEMPLATE } from "./template.ts";

/** One broker and one engine for a whole run; they start once and every test file keeps to names of its own. */
export default async function startSharedStack(project: TestProject): Promise<() => Promise<void>> {
  await setUp((line) => process.stderr.write(`${line}\n`));
  const stack = await startStack({ databases: ["meterhouse", TEMPLATE, ...TEST_DATABASES] });
  const { directory, kafkaBrokers, clickhouseUrl, users } = stack;
  project.provide("stack", { directory, kafkaBrokers: [...kafkaBrokers], clickhouseUrl, users });
  project.provide("template", await makeTemplate(stack, MIGRATIONS));
  return () => stack.stop();
}
