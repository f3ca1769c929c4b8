import { BOOK_COMMANDS } from "./book-commands.ts";
import { CHARGE_COMMANDS } from "./charge-commands.ts";
import { EXPORT_COMMANDS } from "./export-command.ts";
import { INVOICE_COMMANDS } from "./invoice-commands.ts";
import { PRICE_COMMANDS } from "./price-commands.ts";

/** All commands that call the API; one process runs them. */
export const API_COMMANDS = [
  ...CHARGE_COMMANDS,
  ...INVOICE_COMMANDS,
  ...PRICE_COMMANDS,
  ...BOOK_COMMANDS,
  ...EXPORT_COMMANDS,
];
