import { command } from "../adapters/command/command.ts";
import { FIELDS } from "./config.ts";

export const COMMANDS = [
  command({
    name: "processor",
    help: "Read events from Kafka into usage_log. Start as many as there is work for.",
    isDefault: true,
    settings: FIELDS,
    options: {},
    read: () => null,
  }),
];
