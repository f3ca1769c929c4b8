import { command } from "../adapters/command/command.ts";
import { FIELDS } from "./config.ts";

export const COMMANDS = [
  command({
    name: "jobs",
    help: "Do the periodic work: alerts, the index, invoices and retention. Start more than one, and one leads.",
    isDefault: true,
    settings: FIELDS,
    options: {},
    read: () => null,
  }),
];
