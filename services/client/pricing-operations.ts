// Made from docs/openapi.json by `npm run api`; do not edit.

export type Alert = { readonly alert_id: string; readonly budget_id: string; readonly tenant_id: string; readonly project_id: string | null; readonly name: string; readonly currency: string; readonly period: "day" | "month"; readonly period_from: string; readonly period_to: string; readonly threshold_percent: number; readonly amount: string; readonly spent: string; readonly rated: string; readonly estimated: string; readonly counted_until: string | null; readonly raised_at: string; readonly delivery: { readonly state: "waiting" | "delivered" | "given_up"; readonly attempts: number; readonly next_at: string | null; readonly said: string } | null };

export type ApiKey = { readonly key_id: string; readonly scope: "tenant" | "operator" | "admin"; readonly tenant_id: string; readonly name: string; readonly is_revoked: boolean; readonly written_at: string; readonly written_by: string };

export type Budget = { readonly budget_id: string; readonly tenant_id: string; readonly project_id: string | null; readonly name: string; readonly currency: string; readonly period: "day" | "month"; readonly amount: string; readonly thresholds_percent: readonly (number)[]; readonly has_webhook: boolean; readonly is_ended: boolean; readonly version: number; readonly written_at: string };

export type BudgetStatus = { readonly budget_id: string; readonly tenant_id: string; readonly project_id: string | null; readonly currency: string; readonly period_from: string; readonly period_to: string; readonly amount: string; readonly spent: string; readonly rated: string; readonly estimated: string; readonly estimated_hours: number; readonly left: string; readonly used: string; readonly is_exhausted: boolean; readonly counted_until: string | null; readonly age_ms: number; readonly is_ended: boolean };

export type Charge = { readonly charge_id: string; readonly hour: string; readonly revision: number; readonly rating: number; readonly payer: "tenant" | "operator"; readonly billed_to: string; readonly tenant_id: string; readonly project_id: string; readonly model: string; readonly model_version: string; readonly gpu_model: string; readonly mig_profile: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly currency: string; readonly events: string; readonly gpu_time_ns: string; readonly busy_ns: string; readonly gpu_hours: string; readonly rate_per_gpu_hour: string; readonly busy_counter_share: string; readonly busy_sampled_share: string; readonly busy_elapsed_share: string; readonly busy_ratio: string; readonly composite: string; readonly quality: string; readonly charge: string; readonly apportionments: readonly (string)[] };

export type ChargedEvent = { readonly event_id: string; readonly session_id: string; readonly sequence: number; readonly user_id: string; readonly node: string; readonly container_id: string; readonly gpu_uuid: string; readonly rank: number; readonly world_size: number; readonly gpu_time_ns: string; readonly gpu_busy_ns: string | null; readonly communication_ns: string; readonly time_quality: string; readonly memory_peak_bytes: string; readonly memory_scope: string; readonly memory_total_bytes: string; readonly energy_uj: string | null; readonly power_avg_mw: number | null; readonly power_peak_mw: number | null; readonly power_limit_mw: number | null; readonly energy_quality: string; readonly nvlink_tx_bytes: string | null; readonly nvlink_rx_bytes: string | null; readonly tokens_in: number; readonly tokens_cached: number; readonly tokens_out: number; readonly batch_steps: number; readonly batch_size_avg_milli: number; readonly apportionment: string; readonly probe_version: string; readonly busy_quality: string; readonly kafka_partition: number; readonly kafka_offset: string; readonly ingested_at: string; readonly started_at: string; readonly ended_at: string };

export type ChargeExplanation = { readonly charge: { readonly charge_id: string; readonly hour: string; readonly revision: number; readonly rating: number; readonly payer: "tenant" | "operator"; readonly billed_to: string; readonly tenant_id: string; readonly project_id: string; readonly model: string; readonly model_version: string; readonly gpu_model: string; readonly mig_profile: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly currency: string; readonly events: string; readonly gpu_time_ns: string; readonly busy_ns: string; readonly is_current: boolean; readonly price_book: string; readonly formula: string; readonly gpu_hours: string; readonly rate_per_gpu_hour: string; readonly busy_counter_share: string; readonly busy_sampled_share: string; readonly busy_elapsed_share: string; readonly busy_ratio: string; readonly memory_ratio: string; readonly power_ratio: string; readonly nvlink_ratio: string; readonly fluctuation: string; readonly weight_time: string; readonly weight_busy: string; readonly weight_held: string; readonly weight_memory: string; readonly weight_power: string; readonly weight_nvlink: string; readonly weight_fluctuation: string; readonly composite: string; readonly quality_sharing: string; readonly quality_outcome: string; readonly quality_contention: string; readonly quality_interruption: string; readonly quality_generation: string; readonly quality: string; readonly charge: string; readonly apportionments: readonly (string)[]; readonly hour_content_hash: string; readonly hour_chain_hash: string; readonly hour_closed_at: string; readonly hour_reason: string }; readonly steps: readonly ({ readonly what: string; readonly how: string; readonly value: string })[] };

export type Correction = { readonly event_id: string; readonly action: "void" | "amend" | "successor"; readonly successor_id: string | null; readonly hours: readonly (string)[] };

export type CreditNote = { readonly credit_note_id: string; readonly number: string; readonly invoice_id: string; readonly invoice_number: string; readonly tenant_id: string; readonly currency: string; readonly reason: string; readonly issued_at: string; readonly amount: string; readonly total: string; readonly seller: string; readonly lines: readonly (InvoiceLine)[] };

export type CreditNoteSummary = { readonly credit_note_id: string; readonly number: string; readonly invoice_id: string; readonly invoice_number: string; readonly tenant_id: string; readonly currency: string; readonly reason: string; readonly issued_at: string; readonly amount: string; readonly total: string };

export type Draft = { readonly tenant_id: string; readonly currency: string; readonly period_from: string; readonly period_to: string; readonly invoice_id: string | null; readonly state: "draft"; readonly amount: string; readonly total: string; readonly lines: readonly (InvoiceLine)[]; readonly rests_on: readonly ({ readonly from: string; readonly to: string; readonly revision: number; readonly price_book: string })[]; readonly waiting: readonly ({ readonly hour: string; readonly why: string })[] };

export type EventHistory = { readonly event: { readonly id: string; readonly session_id: string; readonly sequence: number; readonly user_id: string; readonly node: string; readonly container_id: string; readonly gpu_uuid: string; readonly rank: number; readonly world_size: number; readonly gpu_time_ns: string; readonly gpu_busy_ns: string | null; readonly communication_ns: string; readonly time_quality: string; readonly memory_peak_bytes: string; readonly memory_scope: string; readonly memory_total_bytes: string; readonly energy_uj: string | null; readonly power_avg_mw: number | null; readonly power_peak_mw: number | null; readonly power_limit_mw: number | null; readonly energy_quality: string; readonly nvlink_tx_bytes: string | null; readonly nvlink_rx_bytes: string | null; readonly tokens_in: number; readonly tokens_cached: number; readonly tokens_out: number; readonly batch_steps: number; readonly batch_size_avg_milli: number; readonly apportionment: string; readonly probe_version: string; readonly busy_quality: string; readonly kafka_partition: number; readonly kafka_offset: string; readonly ingested_at: string; readonly tenant_id: string; readonly project_id: string; readonly model: string; readonly model_version: string; readonly gpu_model: string; readonly mig_profile: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly started_at: string; readonly ended_at: string; readonly hours: readonly (string)[] }; readonly voids: readonly ({ readonly reason: string; readonly issued_by: string; readonly issued_at: string; readonly ingested_at: string })[]; readonly corrections: readonly ({ readonly event_id: string; readonly action: "void" | "amend" | "successor"; readonly other_event_id: string | null; readonly reason: string; readonly written_by: string; readonly written_at: string })[]; readonly revisions: readonly ({ readonly hour: string; readonly revision: number; readonly reason: string; readonly closed_at: string })[] };

export type HourRevision = { readonly hour: string; readonly revision: number; readonly reason: string; readonly sequence: string; readonly content_hash: string; readonly chain_hash: string; readonly previous_hash: string; readonly balanced: boolean; readonly events: string; readonly voided: string; readonly closed_at: string };

export type HourVerification = { readonly hour: string; readonly revision: number; readonly content_hash: string; readonly matches: boolean; readonly events_match: boolean; readonly rows_match: boolean; readonly chain_matches: boolean; readonly keys: readonly ({ readonly tenant_id: string; readonly project_id: string; readonly model: string; readonly model_version: string; readonly gpu_model: string; readonly mig_profile: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly differences: readonly ({ readonly field: string; readonly closed: string; readonly recomputed: string })[] })[]; readonly more_keys: number; readonly events: readonly ({ readonly finding: "changed" | "repeated" | "uncounted"; readonly event_id: string; readonly tenant_id: string; readonly kafka_partition: number; readonly kafka_offset: string })[]; readonly more_events: number; readonly batches: readonly ({ readonly kafka_partition: number; readonly first_offset: string; readonly last_offset: string; readonly counted: string; readonly found: string; readonly offsets_without_row: readonly (string)[] })[]; readonly more_batches: number };

export type IndexPoint = { readonly currency: string; readonly series: "all" | "shared"; readonly period: "hour" | "day"; readonly from: string; readonly method: string; readonly level: string; readonly link: string; readonly laspeyres: string; readonly paasche: string; readonly components: readonly ({ readonly gpu_class: string; readonly standing: "matched" | "new" | "carried"; readonly quantity: string; readonly value: string; readonly price: string; readonly relative: string | null; readonly tenants_at_least: number })[]; readonly rests_on: readonly ({ readonly hour: string; readonly revision: number; readonly rating: number })[]; readonly is_withdrawn: boolean; readonly version: number; readonly reason: string; readonly published_at: string };

export type Invoice = { readonly tenant_id: string; readonly currency: string; readonly period_from: string; readonly period_to: string; readonly invoice_id: string; readonly number: string; readonly state: "finalised" | "voided"; readonly seller: string; readonly finalised_at: string; readonly amount: string; readonly total: string; readonly content_hash: string; readonly lines: readonly (InvoiceLine)[]; readonly periods: readonly ({ readonly from: string; readonly to: string })[]; readonly rests_on: readonly ({ readonly from: string; readonly to: string; readonly revision: number; readonly price_book: string })[]; readonly voided: { readonly credit_note_id: string; readonly number: string; readonly reason: string; readonly voided_at: string } | null };

export type InvoiceLine = { readonly line_id: string; readonly reference: { readonly invoice_id: string; readonly line_id: string } | null; readonly period_from: string; readonly kind: "usage" | "commitment_usage" | "allowance" | "package" | "commitment_fee" | "flat_fee" | "percentage_discount" | "fixed_discount" | "minimum_commitment" | "prepaid_purchase" | "prepaid_refund" | "prepaid_expiry" | "prepaid_credit"; readonly name: string; readonly plan: string; readonly project_id: string; readonly model: string; readonly gpu_model: string; readonly mig_profile: string; readonly price_book: string; readonly unit: string; readonly tier: number; readonly factor: string; readonly quantity: string; readonly gpu_time_ns: string; readonly unit_price: string; readonly amount: string; readonly rounded_amount: string };

export type InvoiceLineHour = { readonly side: "was" | "is"; readonly charge_id: string; readonly hour: string; readonly revision: number; readonly model_version: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly events: string; readonly quantity: string; readonly gpu_time_ns: string; readonly unit_price: string; readonly factor: string; readonly amount: string; readonly formula: string; readonly charge_gpu_time_ns: string; readonly charge_busy_ns: string; readonly gpu_hours: string; readonly rate_per_gpu_hour: string; readonly busy_counter_share: string; readonly busy_sampled_share: string; readonly busy_elapsed_share: string; readonly busy_ratio: string; readonly memory_ratio: string; readonly power_ratio: string; readonly nvlink_ratio: string; readonly fluctuation: string; readonly weight_time: string; readonly weight_busy: string; readonly weight_held: string; readonly weight_memory: string; readonly weight_power: string; readonly weight_nvlink: string; readonly weight_fluctuation: string; readonly composite: string; readonly quality_sharing: string; readonly quality_outcome: string; readonly quality_contention: string; readonly quality_interruption: string; readonly quality_generation: string; readonly quality: string; readonly charge: string; readonly apportionments: readonly (string)[] };

export type InvoiceSummary = { readonly tenant_id: string; readonly currency: string; readonly period_from: string; readonly period_to: string; readonly invoice_id: string; readonly number: string; readonly state: "finalised" | "voided"; readonly finalised_at: string; readonly amount: string; readonly total: string; readonly lines: number; readonly adjustments: number };

export type InvoiceVerification = { readonly invoice_id: string; readonly number: string; readonly tenant_id: string; readonly depth: "lines" | "charges" | "events"; readonly matches: boolean; readonly hours_checked: number; readonly hours_without_events: number; readonly document_matches: boolean; readonly lines: readonly ({ readonly line_id: string; readonly field: string; readonly invoiced: string; readonly recomputed: string })[]; readonly more_lines: number; readonly charges: readonly ({ readonly hour: string; readonly charge_id: string; readonly field: string; readonly charged: string; readonly recomputed: string })[]; readonly more_charges: number; readonly hours: readonly ({ readonly hour: string; readonly revision: number; readonly is_there: boolean; readonly rows_match: boolean; readonly chain_matches: boolean; readonly keys: readonly ({ readonly tenant_id: string; readonly project_id: string; readonly model: string; readonly model_version: string; readonly gpu_model: string; readonly mig_profile: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly differences: readonly ({ readonly field: string; readonly closed: string; readonly recomputed: string })[] })[]; readonly more_keys: number; readonly events: readonly ({ readonly finding: "changed" | "repeated" | "uncounted"; readonly event_id: string; readonly tenant_id: string; readonly kafka_partition: number; readonly kafka_offset: string })[]; readonly more_events: number; readonly batches: readonly ({ readonly kafka_partition: number; readonly first_offset: string; readonly last_offset: string; readonly counted: string; readonly found: string; readonly offsets_without_row: readonly (string)[] })[]; readonly more_batches: number })[]; readonly more_hours: number; readonly changed_books: readonly (string)[]; readonly changed_invoices: readonly (string)[] };

export type LiveUsage = { readonly tenant_id: string; readonly from: string; readonly counted_until: string | null; readonly age_ms: number | null; readonly gpu_time_ns: string; readonly lines: readonly ({ readonly project_id: string; readonly model: string; readonly gpu_model: string; readonly sharing: string; readonly phase: string; readonly outcome: string; readonly events: string; readonly gpu_time_ns: string; readonly energy_uj: string; readonly tokens_in: string; readonly tokens_out: string })[] };

export type Package = { readonly prepaid_id: string; readonly name: string; readonly unit: "gpu_hour" | "composite_gpu_hour" | "currency"; readonly gpu_models: readonly (string)[]; readonly currency: string; readonly quantity: string; readonly price: string; readonly starts_at: string; readonly expires_at: string; readonly refunded_at: string | null; readonly left: string | null; readonly left_invoiced: string };

export type PriceBook = { readonly name: string; readonly formula: "composite@1" | "composite@2"; readonly currency: string; readonly effective_from: string; readonly operator_tenant_id: string; readonly phases: { readonly load: "operator"; readonly warmup: "operator"; readonly inference: "tenant" | "operator" }; readonly gpus: readonly ({ readonly gpu_model: string; readonly mig_profile?: string; readonly rate_per_gpu_hour: string; readonly reference: { readonly memory_bytes: number; readonly power_limit_mw: number; readonly nvlink_bytes_per_s: number }; readonly weights: { readonly time: string; readonly memory: string; readonly power: string; readonly nvlink: string; readonly fluctuation: string } | { readonly busy: string; readonly held: string; readonly memory: string; readonly power: string; readonly nvlink: string; readonly fluctuation: string }; readonly generation?: string })[]; readonly quality?: { readonly sharing?: { readonly exclusive?: string; readonly mps?: string; readonly timeslice?: string }; readonly outcome?: { readonly ok?: string; readonly error?: string; readonly timeout?: string; readonly cancelled?: string; readonly interrupted?: string }; readonly contention?: { readonly min: string; readonly max: string }; readonly interruption?: string }; readonly plans?: readonly ({ readonly name: string; readonly rates?: readonly ({ readonly name: string; readonly gpu_models?: readonly (string)[]; readonly models?: readonly (string)[]; readonly unit: "gpu_hour" | "composite_gpu_hour"; readonly unit_price?: string; readonly graduated?: readonly ({ readonly up_to?: string; readonly unit_price: string })[]; readonly volume?: readonly ({ readonly up_to?: string; readonly unit_price: string })[]; readonly time_of_day?: readonly ({ readonly hours: readonly (number)[]; readonly factor: string })[] })[]; readonly flat_fees?: readonly ({ readonly name: string; readonly amount: string })[]; readonly allowances?: readonly ({ readonly name: string; readonly rate: string; readonly quantity: string })[]; readonly hourly_commitments?: readonly ({ readonly name: string; readonly rate: string; readonly quantity: string; readonly unit_price: string; readonly overage_factor?: string })[]; readonly adjustments?: readonly ({ readonly name: string; readonly percentage_discount: string } | { readonly name: string; readonly fixed_discount: string } | { readonly name: string; readonly minimum_commitment: string })[] })[]; readonly prepaid?: readonly ({ readonly name: string; readonly unit: "gpu_hour" | "composite_gpu_hour" | "currency"; readonly quantity: string; readonly price: string; readonly valid_hours: number; readonly gpu_models?: readonly (string)[] })[] };

export type PriceBookSummary = { readonly price_book: string; readonly name: string; readonly effective_from: string; readonly currency: string; readonly status: "draft" | "published" };

export type Purchase = { readonly prepaid_id: string; readonly name: string; readonly unit: "gpu_hour" | "composite_gpu_hour" | "currency"; readonly gpu_models: readonly (string)[]; readonly currency: string; readonly quantity: string; readonly price: string; readonly starts_at: string; readonly expires_at: string; readonly refunded_at: string | null };

export type Quote = { readonly kind: "quoted" | "no_history"; readonly model: string; readonly gpu_model: string; readonly mig_profile: string; readonly requests: string; readonly tokens_in: number | null; readonly tokens_out: number | null; readonly tenant_id: string; readonly project_id: string; readonly from: string; readonly price_book: string; readonly plan: string; readonly currency: string; readonly expected: string | null; readonly p50: string | null; readonly p90: string | null; readonly samples: number; readonly is_p90_sound: boolean; readonly history: { readonly source: "project" | "tenant" | "pool" | "everybody" | "none"; readonly from: string | null; readonly to: string | null; readonly looked_up_at: string | null; readonly age_ms: number | null }; readonly assumes: readonly (string)[] };

export type RejectedRecord = { readonly kafka_partition: number; readonly kafka_offset: string; readonly ingested_at: string; readonly reject_code: string; readonly reject_detail: string; readonly tenant_id: string; readonly key_base64: string; readonly value_base64: string; readonly advice: string; readonly is_worth_sending_again: boolean; readonly topic: string };

export type Session = { readonly session_id: string; readonly events: string; readonly started_at: string; readonly ended_at: string; readonly gpu_time_ns: string; readonly memory_peak_bytes: string; readonly energy_uj: string; readonly tokens_in: string; readonly tokens_out: string; readonly apportionments: readonly (string)[] };

export type Subscription = { readonly subscription_id: string; readonly plan: string; readonly from: string; readonly to: string | null; readonly is_cancelled: boolean };

export type Tenant = { readonly tenant_id: string; readonly name: string; readonly currency: string; readonly version: number; readonly written_at: string | null };

export type TenantComparison = { readonly tenant_id: string; readonly currency: string; readonly total: { readonly before: string; readonly after: string; readonly difference: string } | null; readonly lines: readonly ({ readonly kind: string; readonly name: string; readonly project_id: string; readonly model: string; readonly gpu_model: string; readonly mig_profile: string; readonly before: string; readonly after: string; readonly difference: string })[]; readonly other_lines: { readonly count: number; readonly before: string; readonly after: string; readonly difference: string }; readonly unrated: { readonly before: number; readonly after: number }; readonly faults: readonly ({ readonly path: string; readonly code: string; readonly message: string })[] };

export type WhatIf = { readonly price_book: string; readonly name: string; readonly currency: string; readonly from: string; readonly to: string; readonly items: readonly (TenantComparison)[]; readonly next_cursor: string | null; readonly page_total: { readonly before: string; readonly after: string; readonly difference: string }; readonly assumes: readonly (string)[] };

/** The request and the reply of each operation. */
export interface PricingOperations {
  /** List current charges of closed hours, by hour. */
  listCharges: { request: { query: { readonly from: string; readonly to: string; readonly tenant_id?: string; readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (Charge)[]; readonly next_cursor: string | null } };
  /** Explain a charge: every factor, how it was computed, and the revision of its hour. */
  explainCharge: { request: { path: { readonly charge_id: string } }; reply: ChargeExplanation };
  /** List the sessions behind a charge. */
  listChargeSessions: { request: { path: { readonly charge_id: string }; query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (Session)[]; readonly next_cursor: string | null } };
  /** List the events behind a charge, with the part of each that falls in its hour. */
  listChargeEvents: { request: { path: { readonly charge_id: string }; query?: { readonly cursor?: string; readonly limit?: string; readonly session_id?: string } }; reply: { readonly items: readonly (ChargedEvent)[]; readonly next_cursor: string | null } };
  /** Export current charges or invoice lines as a file in FOCUS 1.2 columns. */
  exportFocus: { request: { query: { readonly from: string; readonly to: string; readonly tenant_id?: string; readonly format?: "csv" | "parquet"; readonly rows?: "charges" | "invoices" } }; reply: unknown };
  /** Get usage of the current month (UTC) as counted so far, with its age; not yet audited. */
  liveUsage: { request: { query?: { readonly tenant_id?: string } }; reply: LiveUsage };
  /** List revisions of closed hours, with reason, time and hashes. */
  listHours: { request: { query: { readonly from: string; readonly to: string; readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (HourRevision)[]; readonly next_cursor: string | null } };
  /** Recompute a closed hour from its events, compare the hashes and report what differs. */
  verifyHour: { request: { path: { readonly hour: string }; query?: { readonly revision?: string } }; reply: HourVerification };
  /** List record counts by tenant and hour: received = counted + duplicates + conflicts + rejected. */
  accounting: { request: { query: { readonly from: string; readonly to: string; readonly tenant_id?: string; readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly ({ readonly hour: string; readonly tenant_id: string; readonly received: string; readonly counted: string; readonly duplicates: string; readonly conflicts: string; readonly rejected: string })[]; readonly next_cursor: string | null } };
  /** List rejected records: the reason, the bytes, and whether resending helps. */
  listRejectedEvents: { request: { query?: { readonly cursor?: string; readonly limit?: string; readonly tenant_id?: string; readonly code?: "BATCH_DAMAGED" | "BATCH_CODEC_UNKNOWN" | "BATCH_TOO_LARGE" | "RECORD_EMPTY" | "RECORD_TOO_LARGE" | "RECORD_KEY_MISSING" | "RECORD_KEY_MISMATCH" | "RECORD_MISPLACED" | "RECORD_UNKNOWN_FORMAT" | "RECORD_UNKNOWN_SCHEMA" | "RECORD_TRUNCATED" | "RECORD_MALFORMED" | "EVENT_ID_NOT_UUIDV7" | "EVENT_ID_TIME_MISMATCH" | "EVENT_TEXT_LENGTH" | "EVENT_TEXT_INVALID" | "EVENT_NUMBER_NEGATIVE" | "EVENT_NUMBER_RANGE" | "EVENT_TIME_REVERSED" | "EVENT_TIME_FUTURE" | "EVENT_TIME_TOO_OLD" | "EVENT_TOO_LONG" | "EVENT_RANK_RANGE" | "EVENT_GPU_TIME_EXCEEDS_SPAN" | "EVENT_BUSY_TIME_EXCEEDS_SPAN" | "EVENT_BUSY_QUALITY" | "EVENT_PART_EXCEEDS_WHOLE" | "EVENT_POWER_EXCEEDS_CARD" | "EVENT_ENERGY_EXCEEDS_POWER" | "EVENT_MEMORY_EXCEEDS_CARD" | "EVENT_NVLINK_EXCEEDS_LINK" | "EVENT_TOKENS_EXCEED_SPAN" | "EVENT_STEPS_EXCEED_SPAN" | "EVENT_BATCH_SIZE_RANGE" | "EVENT_CONFLICT" | "EVENT_TOKEN_MISSING" | "EVENT_TOKEN_INVALID" | "EVENT_TOKEN_KEY_UNKNOWN" | "EVENT_TOKEN_EXPIRED" | "EVENT_TOKEN_MISMATCH" | "CORRECTION_MAC_MISSING" | "CORRECTION_MAC_INVALID" | "CORRECTION_KEY_UNKNOWN" | "TOTALS_NOT_CONSERVED" | "TOTALS_BUSY_NOT_CONSERVED" | "TOTALS_BUSY_QUALITY" | "TOTALS_ENERGY_NOT_CONSERVED" | "TOTALS_TIME_EXCEEDS_SPAN" | "TOTALS_ENERGY_EXCEEDS_POWER" | "TOTALS_STEPS_EXCEED_SPAN" | "TOTALS_CROSS_MINUTE" } }; reply: { readonly items: readonly (RejectedRecord)[]; readonly next_cursor: string | null } };
  /** Void an event: later revisions of its hours leave it out, and adjustments follow. */
  voidEvent: { request: { path: { readonly event_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly reason: string } }; reply: Correction };
  /** Amend an event: void it and send a corrected successor with a new id; without an answer, repeat the same request. */
  amendEvent: { request: { path: { readonly event_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly reason: string; readonly changes: { readonly tenant_id?: string; readonly project_id?: string; readonly user_id?: string | null; readonly model?: string; readonly model_version?: string; readonly phase?: "load" | "warmup" | "inference"; readonly outcome?: "ok" | "error" | "timeout" | "cancelled" | "interrupted"; readonly gpu_time_ns?: string; readonly gpu_busy_ns?: string | null; readonly communication_ns?: string; readonly memory_peak_bytes?: string; readonly energy_uj?: string | null; readonly tokens_in?: number; readonly tokens_cached?: number; readonly tokens_out?: number; readonly busy_quality?: "elapsed" | "sampled" | "counter" } } }; reply: Correction };
  /** Get an event, its corrections and the revisions of its hours. */
  eventHistory: { request: { path: { readonly event_id: string } }; reply: EventHistory };
  /** Check a price book and report every fault; nothing is stored. */
  validatePriceBook: { request: { body: PriceBook | unknown }; reply: { readonly is_valid: boolean; readonly price_book: string | null; readonly faults: readonly ({ readonly path: string; readonly code: string; readonly message: string })[] } };
  /** Store a price book as a draft, named by the hash of its contents. */
  draftPriceBook: { request: { header: { readonly "Idempotency-Key": string }; body: PriceBook | unknown }; reply: PriceBookSummary };
  /** List price books in the order in which they take effect; only operators see drafts. */
  listPriceBooks: { request: { query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (PriceBookSummary)[]; readonly next_cursor: string | null } };
  /** Get a price book with its contents. */
  getPriceBook: { request: { path: { readonly price_book: string } }; reply: { readonly price_book: string; readonly name: string; readonly effective_from: string; readonly currency: string; readonly status: "draft" | "published"; readonly content: unknown } };
  /** Compare a price book with another one. */
  diffPriceBooks: { request: { path: { readonly price_book: string }; query: { readonly against: string } }; reply: { readonly before: string; readonly after: string; readonly changes: readonly ({ readonly path: string; readonly before: string | null; readonly after: string | null })[] } };
  /** Publish a draft price book: hours from its `effective_from` on are rated by it, and it never changes again. */
  publishPriceBook: { request: { path: { readonly price_book: string }; header: { readonly "Idempotency-Key": string } }; reply: PriceBookSummary };
  /** Create a tenant and its invoicing currency. */
  createTenant: { request: { header: { readonly "Idempotency-Key": string }; body: { readonly tenant_id: string; readonly name: string; readonly currency: string; readonly reason: string } }; reply: Tenant };
  /** List tenants that were created or have charges; a tenant sees only itself. */
  listTenants: { request: { query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (Tenant)[]; readonly next_cursor: string | null } };
  /** Get a tenant. */
  getTenant: { request: { path: { readonly tenant_id: string } }; reply: Tenant };
  /** List changes to a tenant's contract, newest first: who, when and why. */
  tenantHistory: { request: { path: { readonly tenant_id: string }; query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly ({ readonly version: number; readonly action: "created" | "subscribed" | "subscription_ended" | "bought" | "refunded"; readonly about: string; readonly reason: string; readonly written_by: string; readonly written_at: string })[]; readonly next_cursor: string | null } };
  /** Subscribe a tenant to a plan, in hours that have not been invoiced. */
  createSubscription: { request: { path: { readonly tenant_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly plan: string; readonly from: string; readonly to: string | null; readonly reason: string; readonly version?: number } }; reply: Subscription };
  /** List a tenant's subscriptions by start, including ended and cancelled ones. */
  listSubscriptions: { request: { path: { readonly tenant_id: string }; query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (Subscription)[]; readonly next_cursor: string | null } };
  /** End a subscription at an hour that has not been invoiced, or cancel it at its start. */
  endSubscription: { request: { path: { readonly tenant_id: string; readonly subscription_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly at: string; readonly reason: string; readonly version?: number } }; reply: Subscription };
  /** Buy a package or credit: an offer of the book in force at `starts_at`, or custom terms. */
  buyPackage: { request: { path: { readonly tenant_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly starts_at: string; readonly offer?: string; readonly terms?: { readonly name: string; readonly unit: "gpu_hour" | "composite_gpu_hour" | "currency"; readonly quantity: string; readonly price: string; readonly valid_hours: number; readonly gpu_models?: readonly (string)[] }; readonly reason: string; readonly version?: number } }; reply: Purchase };
  /** List packages and credits with what is left, in the order in which they are drawn: earliest expiry first. */
  listPackages: { request: { path: { readonly tenant_id: string }; query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (Package)[]; readonly next_cursor: string | null } };
  /** Refund what is left of a package or credit, from an hour that has not been invoiced. */
  refundPackage: { request: { path: { readonly tenant_id: string; readonly prepaid_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly at: string; readonly reason: string; readonly version?: number } }; reply: Purchase };
  /** Quote a workload from measured sessions of that model on that card; nothing is stored. */
  quote: { request: { body: { readonly model: string; readonly gpu_model: string; readonly mig_profile?: string; readonly requests: string; readonly tokens_in?: number; readonly tokens_out?: number; readonly tenant_id?: string; readonly project_id?: string; readonly from?: string } }; reply: Quote };
  /** Draft a tenant's invoice of a period; nothing is stored. */
  draftInvoice: { request: { body: { readonly tenant_id: string; readonly period_from: string; readonly period_to?: string } }; reply: Draft };
  /** Finalise a period for one tenant or all; nothing is invoiced twice. */
  finaliseInvoices: { request: { header: { readonly "Idempotency-Key": string }; body: { readonly tenant_id?: string; readonly period_from: string; readonly period_to?: string } }; reply: { readonly period_from: string; readonly period_to: string; readonly results: readonly ({ readonly tenant_id: string; readonly status: "finalised" | "nothing_new" | "refused"; readonly invoice: InvoiceSummary | null; readonly code: "API_REQUEST_INVALID" | "API_CURSOR_INVALID" | "API_RANGE_TOO_LONG" | "API_KEY_MISSING" | "API_KEY_UNKNOWN" | "API_SCOPE_MISSING" | "API_ROUTE_UNKNOWN" | "API_BODY_TOO_LARGE" | "API_MEDIA_TYPE" | "API_RATE_LIMITED" | "API_CALLER_BUSY" | "API_BUSY" | "API_INTERNAL" | "API_TIMES_REVERSED" | "API_NOT_FOUND" | "API_IDEMPOTENCY_KEY_USED" | "API_VERSION_STALE" | "API_UNAVAILABLE" | "BOOK_INVALID" | "BOOK_OVERLAPS" | "BOOK_TOO_LATE" | "BOOK_NO_SUPPLEMENT" | "HOUR_DROPPED" | "EVENT_NOT_COUNTED" | "EVENT_AMENDED_ALREADY" | "EVENT_SUCCESSOR_INVALID" | "TENANT_EXISTS" | "CONTRACT_CURRENCY" | "CONTRACT_PLAN_UNKNOWN" | "CONTRACT_OVERLAPS" | "CONTRACT_OFFER_UNKNOWN" | "CONTRACT_TERMS_INVALID" | "CONTRACT_OVER" | "CONTRACT_INVOICED" | "QUOTE_NO_PRICE" | "WHAT_IF_TOO_MUCH" | "INVOICE_PERIOD_INVALID" | "INVOICE_PERIOD_RUNNING" | "INVOICE_HOURS_WAITING" | "INVOICE_NOT_SETTLED" | "INVOICE_LINE_CHANGED" | "INVOICE_NOT_FINALISED" | "BUDGET_WEBHOOK" | null; readonly detail: string })[] } };
  /** List invoices, including voided ones, newest number first. */
  listInvoices: { request: { query?: { readonly cursor?: string; readonly limit?: string; readonly tenant_id?: string } }; reply: { readonly items: readonly (InvoiceSummary)[]; readonly next_cursor: string | null } };
  /** Get an invoice with its lines and inputs; as CSV the lines, as HTML a printable page. */
  getInvoice: { request: { path: { readonly invoice_id: string }; query?: { readonly format?: "json" | "csv" | "html" } }; reply: Invoice };
  /** Recompute an invoice from its events and report what differs: lines, charges, hours, keys, events. */
  verifyInvoice: { request: { path: { readonly invoice_id: string }; query?: { readonly depth?: "lines" | "charges" | "events" } }; reply: InvoiceVerification };
  /** Void an invoice with a credit note; its usage goes on the next invoice. */
  voidInvoice: { request: { path: { readonly invoice_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly reason: string } }; reply: CreditNote };
  /** Split an invoice by project. */
  invoiceProjects: { request: { path: { readonly invoice_id: string } }; reply: { readonly invoice_id: string; readonly currency: string; readonly total: string; readonly projects: readonly ({ readonly project_id: string; readonly total: string })[] } };
  /** List the hours behind an invoice line, with every factor; for an adjustment, before and after. */
  invoiceLineHours: { request: { path: { readonly invoice_id: string; readonly line_id: string }; query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (InvoiceLineHour)[]; readonly next_cursor: string | null } };
  /** List credit notes, newest number first. */
  listCreditNotes: { request: { query?: { readonly cursor?: string; readonly limit?: string; readonly tenant_id?: string } }; reply: { readonly items: readonly (CreditNoteSummary)[]; readonly next_cursor: string | null } };
  /** Get a credit note: the lines of its invoice with the opposite sign. */
  getCreditNote: { request: { path: { readonly credit_note_id: string }; query?: { readonly format?: "json" | "csv" | "html" } }; reply: CreditNote };
  /** Rate stored hours by a draft or published price book, by tenant and line; nothing is stored. */
  simulatePriceBook: { request: { path: { readonly price_book: string }; query?: { readonly cursor?: string; readonly limit?: string }; body: { readonly from: string; readonly to: string; readonly tenant_id?: string } }; reply: WhatIf };
  /** Rate stored hours by another price book; tenants see only themselves and published books; nothing is stored. */
  whatIf: { request: { query?: { readonly cursor?: string; readonly limit?: string }; body: { readonly from: string; readonly to: string; readonly tenant_id?: string; readonly price_book?: string; readonly candidate?: unknown } }; reply: WhatIf };
  /** List points of the price index: the price of a GPU-hour of unit quality, a chained Fisher index with base 100. */
  listIndexPoints: { request: { query: { readonly from: string; readonly to: string; readonly currency: string; readonly period: "hour" | "day"; readonly series?: "all" | "shared"; readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (IndexPoint)[]; readonly next_cursor: string | null } };
  /** List all versions of an index point, newest first, and why each was published. */
  indexPointVersions: { request: { path: { readonly from: string }; query: { readonly currency: string; readonly period: "hour" | "day"; readonly series?: "all" | "shared" } }; reply: { readonly items: readonly (IndexPoint)[] } };
  /** Create a budget of a tenant or project per day or month, with the thresholds that raise alerts. */
  createBudget: { request: { header: { readonly "Idempotency-Key": string }; body: { readonly tenant_id: string; readonly project_id?: string | null; readonly name: string; readonly period: "day" | "month"; readonly amount: string; readonly thresholds_percent: readonly (number)[]; readonly webhook_url?: string | null; readonly reason: string } }; reply: Budget };
  /** List budgets, including ended ones. */
  listBudgets: { request: { query?: { readonly cursor?: string; readonly limit?: string; readonly tenant_id?: string } }; reply: { readonly items: readonly (Budget)[]; readonly next_cursor: string | null } };
  /** Get a budget. */
  getBudget: { request: { path: { readonly budget_id: string } }; reply: Budget };
  /** End a budget: it raises no more alerts. */
  endBudget: { request: { path: { readonly budget_id: string }; header: { readonly "Idempotency-Key": string }; body: { readonly reason: string } }; reply: Budget };
  /** Get what is left of a budget in the current day or month; fast enough to ask before every request. */
  budgetStatus: { request: { path: { readonly budget_id: string }; query?: { readonly max_age_s?: string } }; reply: BudgetStatus };
  /** List alerts by period, with the state of their delivery. */
  listAlerts: { request: { query?: { readonly cursor?: string; readonly limit?: string; readonly tenant_id?: string; readonly budget_id?: string } }; reply: { readonly items: readonly (Alert)[]; readonly next_cursor: string | null } };
  /** List API keys, without their secrets. */
  listKeys: { request: { query?: { readonly cursor?: string; readonly limit?: string } }; reply: { readonly items: readonly (ApiKey)[]; readonly next_cursor: string | null } };
  /** Revoke an API key; it stops working within five seconds. */
  revokeKey: { request: { path: { readonly key_id: string } }; reply: ApiKey };
}

export const PRICING_OPERATIONS = {
  listCharges: { method: "GET", path: "/v1/charges" },
  explainCharge: { method: "GET", path: "/v1/charges/{charge_id}" },
  listChargeSessions: { method: "GET", path: "/v1/charges/{charge_id}/sessions" },
  listChargeEvents: { method: "GET", path: "/v1/charges/{charge_id}/events" },
  exportFocus: { method: "GET", path: "/v1/focus" },
  liveUsage: { method: "GET", path: "/v1/usage" },
  listHours: { method: "GET", path: "/v1/hours" },
  verifyHour: { method: "GET", path: "/v1/hours/{hour}/verify" },
  accounting: { method: "GET", path: "/v1/accounting" },
  listRejectedEvents: { method: "GET", path: "/v1/rejected-events" },
  voidEvent: { method: "POST", path: "/v1/events/{event_id}/void" },
  amendEvent: { method: "POST", path: "/v1/events/{event_id}/amend" },
  eventHistory: { method: "GET", path: "/v1/events/{event_id}" },
  validatePriceBook: { method: "POST", path: "/v1/price-books/validate" },
  draftPriceBook: { method: "POST", path: "/v1/price-books" },
  listPriceBooks: { method: "GET", path: "/v1/price-books" },
  getPriceBook: { method: "GET", path: "/v1/price-books/{price_book}" },
  diffPriceBooks: { method: "GET", path: "/v1/price-books/{price_book}/diff" },
  publishPriceBook: { method: "POST", path: "/v1/price-books/{price_book}/publish" },
  createTenant: { method: "POST", path: "/v1/tenants" },
  listTenants: { method: "GET", path: "/v1/tenants" },
  getTenant: { method: "GET", path: "/v1/tenants/{tenant_id}" },
  tenantHistory: { method: "GET", path: "/v1/tenants/{tenant_id}/history" },
  createSubscription: { method: "POST", path: "/v1/tenants/{tenant_id}/subscriptions" },
  listSubscriptions: { method: "GET", path: "/v1/tenants/{tenant_id}/subscriptions" },
  endSubscription: { method: "POST", path: "/v1/tenants/{tenant_id}/subscriptions/{subscription_id}/end" },
  buyPackage: { method: "POST", path: "/v1/tenants/{tenant_id}/packages" },
  listPackages: { method: "GET", path: "/v1/tenants/{tenant_id}/packages" },
  refundPackage: { method: "POST", path: "/v1/tenants/{tenant_id}/packages/{prepaid_id}/refund" },
  quote: { method: "POST", path: "/v1/quotes" },
  draftInvoice: { method: "POST", path: "/v1/invoices/draft" },
  finaliseInvoices: { method: "POST", path: "/v1/invoices" },
  listInvoices: { method: "GET", path: "/v1/invoices" },
  getInvoice: { method: "GET", path: "/v1/invoices/{invoice_id}" },
  verifyInvoice: { method: "GET", path: "/v1/invoices/{invoice_id}/verify" },
  voidInvoice: { method: "POST", path: "/v1/invoices/{invoice_id}/void" },
  invoiceProjects: { method: "GET", path: "/v1/invoices/{invoice_id}/projects" },
  invoiceLineHours: { method: "GET", path: "/v1/invoices/{invoice_id}/lines/{line_id}/hours" },
  listCreditNotes: { method: "GET", path: "/v1/credit-notes" },
  getCreditNote: { method: "GET", path: "/v1/credit-notes/{credit_note_id}" },
  simulatePriceBook: { method: "POST", path: "/v1/price-books/{price_book}/simulate" },
  whatIf: { method: "POST", path: "/v1/what-if" },
  listIndexPoints: { method: "GET", path: "/v1/index" },
  indexPointVersions: { method: "GET", path: "/v1/index/{from}" },
  createBudget: { method: "POST", path: "/v1/budgets" },
  listBudgets: { method: "GET", path: "/v1/budgets" },
  getBudget: { method: "GET", path: "/v1/budgets/{budget_id}" },
  endBudget: { method: "POST", path: "/v1/budgets/{budget_id}/end" },
  budgetStatus: { method: "GET", path: "/v1/budgets/{budget_id}/status" },
  listAlerts: { method: "GET", path: "/v1/alerts" },
  listKeys: { method: "GET", path: "/v1/keys" },
  revokeKey: { method: "DELETE", path: "/v1/keys/{key_id}" },
} as const;

/** Every code that an error response may have. */
export const PROBLEM_CODES = [
  "API_REQUEST_INVALID",
  "API_CURSOR_INVALID",
  "API_RANGE_TOO_LONG",
  "API_KEY_MISSING",
  "API_KEY_UNKNOWN",
  "API_SCOPE_MISSING",
  "API_ROUTE_UNKNOWN",
  "API_BODY_TOO_LARGE",
  "API_MEDIA_TYPE",
  "API_RATE_LIMITED",
  "API_CALLER_BUSY",
  "API_BUSY",
  "API_INTERNAL",
  "API_TIMES_REVERSED",
  "API_NOT_FOUND",
  "API_IDEMPOTENCY_KEY_USED",
  "API_VERSION_STALE",
  "API_UNAVAILABLE",
  "BOOK_INVALID",
  "BOOK_OVERLAPS",
  "BOOK_TOO_LATE",
  "BOOK_NO_SUPPLEMENT",
  "HOUR_DROPPED",
  "EVENT_NOT_COUNTED",
  "EVENT_AMENDED_ALREADY",
  "EVENT_SUCCESSOR_INVALID",
  "TENANT_EXISTS",
  "CONTRACT_CURRENCY",
  "CONTRACT_PLAN_UNKNOWN",
  "CONTRACT_OVERLAPS",
  "CONTRACT_OFFER_UNKNOWN",
  "CONTRACT_TERMS_INVALID",
  "CONTRACT_OVER",
  "CONTRACT_INVOICED",
  "QUOTE_NO_PRICE",
  "WHAT_IF_TOO_MUCH",
  "INVOICE_PERIOD_INVALID",
  "INVOICE_PERIOD_RUNNING",
  "INVOICE_HOURS_WAITING",
  "INVOICE_NOT_SETTLED",
  "INVOICE_LINE_CHANGED",
  "INVOICE_NOT_FINALISED",
  "BUDGET_WEBHOOK",
] as const;
