import { parseArgs } from "node:util";
import { isAboutPrices, type Question, readQuestion } from "./question.ts";

/** What a command line asks the pricing API. */
export type ApiCommand =
  | { readonly kind: "explain" | "history"; readonly id: string; readonly json: boolean }
  | { readonly kind: "verify"; readonly id: string; readonly depth: Depth; readonly json: boolean }
  | { readonly kind: "void"; readonly id: string; readonly reason: string; readonly json: boolean }
  | { readonly kind: "question"; readonly question: Question; readonly json: boolean }
  | { readonly kind: "fault"; readonly problem: string };

const DEPTHS = ["lines", "charges", "events"] as const;
type Depth = (typeof DEPTHS)[number];

const OPTIONS = {
  depth: { type: "string", default: "events" },
  reason: { type: "string" },
  json: { type: "boolean", default: false },
  // Read by the configuration.
  config: { type: "string" },
  "check-config": { type: "boolean" },
} as const;

export function readApiCommand(argv: readonly string[]): ApiCommand {
  const [name, ...rest] = argv;
  if (isAboutPrices(name)) {
    const read = readQuestion(name, rest);
    return read.ok ? { kind: "question", question: read.question, json: read.json } : fault(read.problem);
  }
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [kind, id, ...more] = positionals;
    const { reason = "", json } = values;
    if (id === undefined || more.length > 0) return fault(`${kind ?? "this command"} needs one id`);
    if (kind === "explain" || kind === "history") return { kind, id, json };
    if (kind === "verify") {
      const depth = DEPTHS.find((known) => known === values.depth);
      return depth === undefined ? fault(`--depth must be ${DEPTHS.join(", ")}`) : { kind, id, depth, json };
    }
    if (kind !== "void") return fault(`there is no command "${kind}"`);
    if (reason.trim() === "") return fault("to void an event, say why with --reason");
    return { kind, id, reason: reason.trim(), json };
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}

function fault(problem: string): ApiCommand {
  return { kind: "fault", problem };
}
