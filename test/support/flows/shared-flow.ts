import { onTestFinished } from "vitest";
import { killProcessors } from "../stack/processor-process.ts";
import { type DatabaseOptions, freshDatabase, sharedStack } from "../stack/stack.ts";
import { Flow } from "./flow.ts";

/** A topic and a database of the calling test's own on the shared stack; both gone, and no processor left, when it is over. */
export async function sharedFlow(options: { partitions?: number } & DatabaseOptions = {}): Promise<Flow> {
  const database = await freshDatabase(options);
  const { kafkaBrokers, clickhouseUrl, users } = sharedStack();
  const admin = database.open("migrate");
  const flow = await Flow.open(
    { kafkaBrokers, clickhouseUrl, users, database: database.name, admin },
    options,
  );
  onTestFinished(async () => {
    await killProcessors();
    await flow.close();
    await database.drop();
  });
  return flow;
}
