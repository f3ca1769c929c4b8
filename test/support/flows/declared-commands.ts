import type { Command } from "../../../services/adapters/command/command.ts";
import { COMMANDS as PRICING } from "../../../services/api/command.ts";
import { API_COMMANDS } from "../../../services/cli/api-commands.ts";
import { MIGRATE_COMMANDS } from "../../../services/cli/migrate-command.ts";
import { TOPIC_ENSURE_COMMAND } from "../../../services/cli/topic-ensure-command.ts";
import { COMMANDS as JOBS } from "../../../services/jobs/command.ts";
import { DEMO_COMMANDS, UP_COMMANDS } from "../../../services/local/commands.ts";
import { COMMANDS as PROCESSOR } from "../../../services/processor/command.ts";
import { COMMANDS as SETTLEMENT } from "../../../services/settlement/command.ts";

/** What each process declares, by its main file. */
export const DECLARED: Readonly<Record<string, readonly Command<unknown>[]>> = {
  "services/api/main.ts": PRICING,
  "services/cli/api.ts": API_COMMANDS,
  "services/cli/migrate.ts": MIGRATE_COMMANDS,
  "services/cli/topic.ts": [TOPIC_ENSURE_COMMAND],
  "services/jobs/main.ts": JOBS,
  "services/local/demo/main.ts": DEMO_COMMANDS,
  "services/local/main.ts": UP_COMMANDS,
  "services/processor/main.ts": PROCESSOR,
  "services/settlement/main.ts": SETTLEMENT,
};
