-- Nothing leaves usage_log by its age alone: a TTL would drop a day whose hours are not closed, or whose rows are nowhere
-- else. The retention job drops days, and only those that it may (ARCHITECTURE.md, "What may leave the log").
ALTER TABLE usage_log REMOVE TTL;

-- One row per ingest day that retention dropped or is about to drop, written before the drop. No hour up to the greatest
-- through_hour gets another revision: some of its rows may be gone, and what is left would add up to less.
CREATE TABLE log_drops
(
    ingest_day   Date,
    -- the last hour that a row of the day counts in
    through_hour DateTime('UTC'),
    -- of the exported day: rows, a sum over all of their columns, where the file is, and its SHA-256 in hexadecimal
    day_rows     UInt64,
    fingerprint  UInt64,
    file         String,
    sha256       String,
    bytes        UInt64,
    recorded_at  DateTime64(3, 'UTC') DEFAULT now64(3),
    epoch        UInt64
)
ENGINE = MergeTree
ORDER BY (ingest_day, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Current charges in the columns of the FinOps Open Cost and Usage Specification 1.2 (docs/FOCUS.md). ProviderName,
-- PublisherName and InvoiceIssuerName are the operator's, who sets them where the export is made.
CREATE VIEW focus_1_2 SQL SECURITY DEFINER AS
SELECT
    charge AS BilledCost,
    CAST(billed_to AS String) AS BillingAccountId,
    CAST(NULL AS Nullable(String)) AS BillingAccountName,
    if(payer = 'tenant', 'Tenant', 'Operator') AS BillingAccountType,
    CAST(l.currency AS String) AS BillingCurrency,
    toDateTime(toStartOfMonth(addMonths(toStartOfMonth(l.hour, 'UTC'), 1)), 'UTC') AS BillingPeriodEnd,
    toDateTime(toStartOfMonth(l.hour, 'UTC'), 'UTC') AS BillingPeriodStart,
    'Usage' AS ChargeCategory,
    CAST(NULL AS Nullable(String)) AS ChargeClass,
    CAST(concat(
        gpu_model, if(mig_profile = '', '', concat(' ', mig_profile)), ', ', sharing, ': ', phase, ' of ', model, ' ', model_version,
        ' (', outcome, '). ', toString(gpu_hours), ' GPU-hours x ', toString(rate_per_gpu_hour), ' ', l.currency,
        ' x composite ', toString(composite), ' x quality ', toString(quality)) AS Nullable(String)) AS ChargeDescription,
    'Usage-Based' AS ChargeFrequency,
    addHours(l.hour, 1) AS ChargePeriodEnd,
    l.hour AS ChargePeriodStart,
    CAST(gpu_hours AS Nullable(Decimal(38, 12))) AS ConsumedQuantity,
    CAST('GPU-Hours' AS Nullable(String)) AS ConsumedUnit,
    charge AS ContractedCost,
    CAST(rate_per_gpu_hour AS Nullable(Decimal(38, 12))) AS ContractedUnitPrice,
    charge AS EffectiveCost,
    CAST(NULL AS Nullable(String)) AS InvoiceId,
    'Meterhouse' AS InvoiceIssuerName,
    charge AS ListCost,
    CAST(rate_per_gpu_hour AS Nullable(Decimal(38, 12))) AS ListUnitPrice,
    CAST('Standard' AS Nullable(String)) AS PricingCategory,
    -- More digits than the cost has, so that times the unit price it gives the cost to its last digit.
    CAST(divideDecimal(
        toDecimal256(toString(gpu_time_ns), 0) * composite * quality, toDecimal256(3600000000000, 0), 18
    ) AS Nullable(Decimal(38, 18))) AS PricingQuantity,
    CAST('CompositeGPU-Hours' AS Nullable(String)) AS PricingUnit,
    'Meterhouse' AS ProviderName,
    'Meterhouse' AS PublisherName,
    'AI and Machine Learning' AS ServiceCategory,
    'GPU Time' AS ServiceName,
    'Machine Learning' AS ServiceSubcategory,
    CAST(arrayStringConcat(arrayFilter(part -> part != '', [toString(gpu_model), toString(mig_profile)]), '/')
        AS Nullable(String)) AS SkuId,
    CAST('Composite GPU Time' AS Nullable(String)) AS SkuMeter,
    CAST(toJSONString(mapFilter((key, value) -> value != '', map(
        'x_Formula', toString(formula), 'x_GpuModel', toString(gpu_model), 'x_MigProfile', toString(mig_profile)
    ))) AS Nullable(String)) AS SkuPriceDetails,
    CAST(concat(price_book, '/', SkuId) AS Nullable(String)) AS SkuPriceId,
    nullIf(toString(project_id), '') AS SubAccountId,
    CAST(NULL AS Nullable(String)) AS SubAccountName,
    arrayStringConcat(apportionments, ', ') AS x_Apportionment,
    charge_id AS x_ChargeId,
    l.composite AS x_Composite,
    l.events AS x_Events,
    toString(l.gpu_model) AS x_GpuModel,
    -- Decimals, as Parquet has no integers of more than 64 bits
    toDecimal128(toString(gpu_time_ns), 0) AS x_GpuTimeNs,
    l.revision AS x_HourRevision,
    nullIf(toString(l.mig_profile), '') AS x_MigProfile,
    toString(l.model) AS x_Model,
    toString(l.model_version) AS x_ModelVersion,
    toString(l.outcome) AS x_Outcome,
    toString(l.phase) AS x_Phase,
    toString(l.price_book) AS x_PriceBook,
    l.quality AS x_Quality,
    l.rating AS x_Rating,
    toString(l.sharing) AS x_Sharing,
    toString(l.tenant_id) AS x_TenantId
FROM charge_lines AS l
WHERE is_current;
