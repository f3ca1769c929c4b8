// Invoices and credit notes as pages to print: one file, nothing loaded, nothing run, every text escaped.

import type { StoredCreditNote, StoredInvoice } from "../../billing/issued/issued-invoices.ts";
import type { InvoiceLine } from "../../domain/billing/invoice.ts";
import { lineWords, moneyWords, shortDecimal, unitWords } from "../../domain/billing/line-texts.ts";
import { type Decimal, ONE } from "../../domain/money/decimal.ts";
import { formatHour, type Hour } from "../../domain/time/hour.ts";

const STYLE = `
:root { color-scheme: light; }
body { font: 10pt/1.45 "Liberation Sans", Arial, Helvetica, sans-serif; color: #111; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
header { display: flex; justify-content: space-between; gap: 2rem; border-bottom: 2px solid #111; padding-bottom: 1rem; }
h1 { font-size: 18pt; margin: 0 0 .3rem; }
h2 { font-size: 11pt; margin: 1.6rem 0 .4rem; }
.seller { white-space: pre-line; text-align: right; }
.state { font-weight: bold; border: 2px solid #b00; color: #b00; padding: .4rem .8rem; margin: 1rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 1rem 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; border-bottom: 1px solid #111; font-weight: bold; vertical-align: bottom; }
th, td { padding: .3rem .5rem .3rem 0; } td { border-bottom: 1px solid #ddd; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.note { color: #555; font-size: 8.5pt; overflow-wrap: anywhere; }
tfoot td { border-bottom: none; border-top: 2px solid #111; font-weight: bold; font-size: 12pt; }
footer { margin-top: 2rem; border-top: 1px solid #999; padding-top: .6rem; color: #555; font-size: 8.5pt; overflow-wrap: anywhere; }
@page { size: A4; margin: 18mm; }
@media print { body { margin: 0; max-width: none; padding: 0; } thead { display: table-header-group; } tr { break-inside: avoid; } }
`;

export function invoicePage({ invoice, basis, voided, ...stored }: StoredInvoice): string {
  const { currency, period_from, period_to, invoice_id } = invoice;
  const numbers = new Map(basis.earlier.map((it) => [it.invoice_id, it.number]));
  const own = invoice.lines.filter(({ reference }) => reference === null);
  const adjustments = invoice.lines.filter(({ reference }) => reference !== null);
  const state = voided === null ? "" : `Voided by credit note ${voided.number}: ${voided.reason}`;
  return page({
    title: `Invoice ${invoice.number}`,
    seller: stored.seller,
    state,
    facts: [
      ["Customer", invoice.tenant_id],
      ["Period (UTC)", `${hourWords(period_from)} up to ${hourWords(period_to)}`],
      ["Issued", stored.finalised_at],
      ["Currency", currency],
      ["Invoice id", invoice_id],
    ],
    body: [
      section("Lines", own, invoice, () => ""),
      section("Adjustments to what was invoiced before", adjustments, invoice, (line) =>
        correctionWords(line, numbers),
      ),
    ],
    total: ["Total", moneyWords(invoice.total, currency)],
    foot: [
      `Exact sum before rounding: ${shortDecimal(invoice.amount)} ${currency}; it is rounded once, half to even, and the lines' shares add up to the total.`,
      `A composite GPU-hour is an hour of a GPU times what was used of it (composite) times its quality; each line opens into its hours under /v1/invoices/${invoice_id}/lines/{line_id}/hours.`,
      `To verify: meterhouse verify ${invoice_id}, or /v1/invoices/${invoice_id}/verify. Content hash (SHA-256): ${stored.content_hash}`,
    ],
  });
}

export function creditNotePage({ note, invoice_number, seller, issued_at }: StoredCreditNote): string {
  const { currency, credit_note_id } = note;
  return page({
    title: `Credit note ${note.number}`,
    seller,
    state: "",
    facts: [
      ["Customer", note.tenant_id],
      ["Takes back", `invoice ${invoice_number} (${note.invoice_id})`],
      ["Reason", note.reason],
      ["Issued", issued_at],
      ["Currency", currency],
      ["Credit note id", credit_note_id],
    ],
    body: [section("Lines", note.lines, note, () => "")],
    total: ["Total", moneyWords(note.total, currency)],
    foot: ["The lines are those of the invoice with the opposite sign."],
  });
}

interface Page {
  readonly title: string;
  readonly seller: string;
  readonly state: string;
  readonly facts: readonly (readonly [string, string])[];
  /** HTML. */
  readonly body: readonly string[];
  readonly total: readonly [string, string];
  readonly foot: readonly string[];
}

function page({ title, seller, state, facts, body, total, foot }: Page): string {
  const rows = facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body>
<header><div><h1>${escaped(title)}</h1></div><div class="seller">${escaped(seller)}</div></header>
${state === "" ? "" : `<p class="state">${escaped(state)}</p>`}
<dl>${rows.join("")}</dl>
${body.join("\n")}
<table><tfoot><tr><td>${escaped(total[0])}</td><td class="n">${escaped(total[1])}</td></tr></tfoot></table>
<footer>${foot.map((line) => `<p>${escaped(line)}</p>`).join("")}</footer>
</body>
</html>
`;
}

function section(
  title: string,
  lines: readonly InvoiceLine[],
  { currency }: { readonly currency: string },
  about: (line: InvoiceLine) => string,
): string {
  if (lines.length === 0) return "";
  const sum = lines.reduce((total, { rounded_amount }) => total + rounded_amount, 0n);
  const heads = ["Description", "Quantity", "Unit", "Unit price", "Amount", `Rounded (${currency})`];
  const head = heads.map((it, index) => `<th${index === 0 || index === 2 ? "" : ' class="n"'}>${it}</th>`);
  const rows = lines.map((line) => row(line, currency, about(line)));
  const end = `<tr><td colspan="5">Sum</td>${cell(plain(sum, currency))}</tr>`;
  const table = `<table><thead><tr>${head.join("")}</tr></thead><tbody>${rows.join("")}${end}</tbody></table>`;
  return `<h2>${escaped(title)}</h2>${table}`;
}

function row(line: InvoiceLine, currency: string, about: string): string {
  const { quantity, unit, unit_price, factor, amount, rounded_amount } = line;
  const price =
    factor === ONE ? shortDecimal(unit_price) : `${shortDecimal(unit_price)} × ${shortDecimal(factor)}`;
  const note = about === "" ? "" : `<div class="note">${escaped(about)}</div>`;
  const cells = [
    `<td>${escaped(lineWords(line))}${note}<div class="note">Line ${escaped(line.line_id)}</div></td>`,
    cell(shortDecimal(quantity)),
    `<td>${escaped(unitWords(unit, currency))}</td>`,
    cell(price),
    cell(shortDecimal(amount)),
    cell(plain(rounded_amount, currency)),
  ];
  return `<tr>${cells.join("")}</tr>`;
}

function correctionWords(
  { reference, period_from }: InvoiceLine,
  numbers: ReadonlyMap<string, string>,
): string {
  const { invoice_id = "", line_id = "" } = reference ?? {};
  const number = numbers.get(invoice_id);
  const invoice = number === undefined ? `invoice ${invoice_id}` : `invoice ${number}`;
  const what = line_id === "" ? `adds to ${invoice}` : `corrects line ${line_id} of ${invoice}`;
  return `Period from ${hourWords(period_from)}; ${what}`;
}

function cell(text: string): string {
  return `<td class="n">${escaped(text)}</td>`;
}

function plain(amount: Decimal, currency: string): string {
  return moneyWords(amount, currency).replace(` ${currency}`, "");
}

function hourWords(hour: Hour): string {
  return formatHour(hour).replace("T", " ").replace(":00Z", "");
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "");
}
