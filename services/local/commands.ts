import { command } from "../adapters/command/command.ts";
import { flag, otherwise, read, text, whole } from "../adapters/command/options.ts";
import { parseHour } from "../domain/time/hour.ts";

const PORT = { min: 1, max: 65_535 };

export const UP_COMMANDS = [
  command({
    name: "up",
    help: "Start a Kafka broker and a ClickHouse engine on this machine, until Ctrl-C. Prints where they are as one line of JSON.",
    options: {
      directory: text(
        "--directory <folder>",
        "where data go and stay; a temporary folder where it is absent",
      ),
      kafkaPort: whole("--kafka-port <n>", "a free one where it is absent", PORT),
      clickhousePort: whole("--clickhouse-port <n>", "a free one where it is absent", PORT),
    },
    read: (options) => options,
  }),
];

export const DEMO_COMMANDS = [
  command({
    name: "demo",
    help: "Play two recorded H100 workloads through everything, from the probe to an invoice per tenant.",
    isDefault: true,
    options: {
      json: flag("--json", "end with the account as one line of JSON"),
      keep: flag("--keep", "leave Kafka and ClickHouse up until Ctrl-C"),
      kills: otherwise(
        whole("--kills <n>", "how often the processor is killed on the way", { min: 0, max: 9 }),
        0,
      ),
      boundary: read(
        "--boundary <hour>",
        "the hour at whose start the middle of the first recording is put; the newest that is over, and the next one too, where it is absent",
        parseHour,
        "is no hour such as 2026-01-31T10:00Z",
      ),
    },
    read: (options) => options,
  }),
];
