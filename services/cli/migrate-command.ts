import { command } from "../adapters/command/command.ts";
import { MIGRATE_FIELDS } from "./config.ts";

export const MIGRATE_COMMANDS = [
  command({
    name: "migrate",
    help: "Bring ClickHouse's tables up to date. Running it again changes nothing.",
    isDefault: true,
    settings: MIGRATE_FIELDS,
    options: {},
    read: () => null,
  }),
];
