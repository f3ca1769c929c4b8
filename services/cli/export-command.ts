// meterhouse export: writes a file of the API, whole or not at all.

import { EXIT } from "../adapters/command/exit-codes.ts";
import { choice, otherwise, required, text } from "../adapters/command/options.ts";
import { writeWholeFile } from "../adapters/files/whole-file.ts";
import { apiCommand, from, given, tenant, to } from "./api-command.ts";

const FORMATS = ["csv", "parquet"] as const;

export const EXPORT_COMMANDS = [
  apiCommand({
    name: "export focus",
    help: "Export charges or invoices to a file in FOCUS 1.2 columns.",
    options: {
      from: required(from),
      to: required(to),
      out: required(text("--out <file>", "the file to write")),
      format: choice("--format <format>", "file format; by default from the file name, else csv", FORMATS),
      rows: otherwise(choice("--rows <rows>", "what to export", ["charges", "invoices"]), "charges"),
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
