// Replies that the description and the client have by a name, written once: `components.schemas` of docs/openapi.json.
import { PriceBookShape } from "./routes/book-schemas.ts";
import { AlertShape, BudgetShape, BudgetStatusShape } from "./routes/budget-schemas.ts";
import { PackageShape, PurchaseShape, SubscriptionShape, TenantShape } from "./routes/contract-schemas.ts";
import { PointShape } from "./routes/index-schemas.ts";
import {
  CreditNoteShape,
  CreditNoteSummaryShape,
  DraftShape,
  InvoiceShape,
  InvoiceSummaryShape,
  LineShape,
  PartShape,
} from "./routes/invoice-schemas.ts";
import { QuoteShape } from "./routes/quote-schemas.ts";
import { InvoiceVerificationShape, VerificationShape } from "./routes/verification-schemas.ts";
import { TenantComparison, WhatIfShape } from "./routes/what-if-schemas.ts";
import {
  BookSummary,
  ChargedEvent,
  ChargeShape,
  CorrectionReply,
  EventHistory,
  Explanation,
  HourRow,
  KeyShape,
  LiveUsage,
  RejectedShape,
  SessionShape,
} from "./schemas.ts";

export const NAMED_SCHEMAS = {
  Alert: AlertShape,
  ApiKey: KeyShape,
  Budget: BudgetShape,
  BudgetStatus: BudgetStatusShape,
  Charge: ChargeShape,
  ChargedEvent,
  ChargeExplanation: Explanation,
  Correction: CorrectionReply,
  CreditNote: CreditNoteShape,
  CreditNoteSummary: CreditNoteSummaryShape,
  Draft: DraftShape,
  EventHistory,
  HourRevision: HourRow,
  HourVerification: VerificationShape,
  IndexPoint: PointShape,
  Invoice: InvoiceShape,
  InvoiceLine: LineShape,
  InvoiceLineHour: PartShape,
  InvoiceSummary: InvoiceSummaryShape,
  InvoiceVerification: InvoiceVerificationShape,
  LiveUsage,
  Package: PackageShape,
  PriceBook: PriceBookShape,
  PriceBookSummary: BookSummary,
  Purchase: PurchaseShape,
  Quote: QuoteShape,
  RejectedRecord: RejectedShape,
  Session: SessionShape,
  Subscription: SubscriptionShape,
  Tenant: TenantShape,
  TenantComparison,
  WhatIf: WhatIfShape,
};
