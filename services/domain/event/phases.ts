// Whose work a phase is. Two rules hang on this one list, so that what needs no token can be charged to no tenant: `rate` and
// `Sessions`.

import { ENUMS } from "./record.ts";

type Phase = (typeof ENUMS)["phase"][number];
const OPERATOR_PHASES: ReadonlySet<string> = new Set<Phase>(["load", "warmup"]);

/** The operator's own work: no price book charges it to a tenant, and no gateway has a session to sign for it. */
export const isOperatorPhase = (phase: string): boolean => OPERATOR_PHASES.has(phase);

/** By `EventRecord.numbers`. */
export const OPERATOR_PHASE_NUMBERS: ReadonlySet<number> = new Set(
  ENUMS.phase.flatMap((phase, number) => (isOperatorPhase(phase) ? [number] : [])),
);
