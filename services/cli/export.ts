// meterhouse export: files of the pricing API, there whole or not at all.
import { parseArgs } from "node:util";
import { secret, url } from "../adapters/config/fields.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { writeWholeFile } from "../adapters/files/whole-file.ts";
import { ApiFailure, pricingDownload } from "../client/client.ts";

const FAULTY_EXIT = 2;
const FORMATS = ["csv", "parquet"] as const;
const ROWS = ["charges", "invoices"] as const;

const FIELDS = {
  api_url: url("METERHOUSE_API_URL", { default: "http://127.0.0.1:8080" }),
  api_key: secret("METERHOUSE_API_KEY"),
};
const OPTIONS = {
  from: { type: "string" },
  to: { type: "string" },
  out: { type: "string" },
  format: { type: "string" },
  tenant: { type: "string" },
  rows: { type: "string" },
  // Read by the configuration.
  config: { type: "string" },
  "check-config": { type: "boolean" },
} as const;

const { out, query } = asked(process.argv.slice(2));
const config = configOrExit("meterhouse", FIELDS);
const access = { url: config.api_url, key: config.api_key.reveal() };
try {
  const { bytes } = await writeWholeFile(out, pricingDownload(access, "exportFocus", { query }));
  process.stdout.write(`${out}: ${bytes} bytes\n`);
} catch (error) {
  if (error instanceof ApiFailure) end(`${error.code} ${error.message}`.trim(), 1);
  if (error instanceof TypeError) end(`${config.api_url} cannot be reached, or its answer broke off`, 1);
  if (error instanceof Error && "code" in error) end(`${out} cannot be written (${error.code})`, 1);
  throw error;
}

function asked(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    if (positionals.join(" ") !== "focus")
      end(`there is "export focus" and nothing else to export`, FAULTY_EXIT);
    const { from, to, out: file, tenant } = values;
    if (from === undefined || to === undefined || file === undefined) {
      end("--from and --to name hours, --out the file", FAULTY_EXIT);
    }
    const named = values.format ?? FORMATS.find((known) => file.endsWith(`.${known}`)) ?? "csv";
    const format = FORMATS.find((known) => known === named);
    if (format === undefined) end(`--format must be ${FORMATS.join(" or ")}`, FAULTY_EXIT);
    const rows = ROWS.find((known) => known === (values.rows ?? "charges"));
    if (rows === undefined) end(`--rows must be ${ROWS.join(" or ")}`, FAULTY_EXIT);
    return {
      out: file,
      query: { from, to, format, rows, ...(tenant === undefined ? {} : { tenant_id: tenant }) },
    };
  } catch (error) {
    return end(error instanceof Error ? error.message : String(error), FAULTY_EXIT);
  }
}

function end(sentence: string, code: number): never {
  process.stderr.write(`meterhouse: ${sentence}\n`);
  process.exit(code);
}
