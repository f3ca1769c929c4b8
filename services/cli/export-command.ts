// meterhouse export: a file of the API, there whole or not at all.

import { EXIT } from "../adapters/command/exit-codes.ts";
import { choice, otherwise, required, text } from "../adapters/command/options.ts";
import { writeWholeFile } from "../adapters/files/whole-file.ts";
import { apiCommand, from, given, tenant, to } from "./api-command.ts";

const FORMATS = ["csv", "parquet"] as const;

export const EXPORT_COMMANDS = [
  apiCommand({
    name: "export focus",
    help: "Write charges or invoices in the columns of FOCUS 1.2 into a file.",
    options: {
      from: required(from),
      to: required(to),
      out: required(text("--out <file>", "the file; its ending says the format where --format does not")),
      format: choice("--format <format>", "of the file", FORMATS),
      rows: otherwise(choice("--rows <rows>", "what the rows are", ["charges", "invoices"]), "charges"),
      tenant,
    },
    read:
      ({ out, format, tenant: tenant_id, ...selection }) =>
      async ({ download }) => {
        const ending = FORMATS.find((known) => out.endsWith(`.${known}`)) ?? "csv";
        const query = { ...selection, format: format ?? ending, ...given({ tenant_id }) };
        try {
          const { bytes } = await writeWholeFile(out, download("exportFocus", { query }));
          return { text: `${out}: ${bytes} bytes`, exitCode: EXIT.done };
        } catch (error) {
          if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) throw error;
          return { text: `${out} cannot be written (${error.code})`, exitCode: EXIT.failed };
        }
      },
  }),
];
