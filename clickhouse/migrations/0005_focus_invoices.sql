-- Lines of finalised invoices and of credit notes, as they were written, each a row.
CREATE VIEW invoice_lines SQL SECURITY DEFINER AS
WITH if(d.kind = 'invoice', JSONExtractRaw(d.content, 'invoice'), JSONExtractRaw(d.content, 'credit_note')) AS issued
SELECT
    toString(d.kind) AS document_kind,
    d.id AS document_id,
    JSONExtractString(issued, 'invoice_id') AS invoice_id,
    JSONExtractString(issued, 'number') AS number,
    JSONExtractString(issued, 'tenant_id') AS tenant_id,
    JSONExtractString(issued, 'currency') AS currency,
    d.written_at AS issued_at,
    arrayJoin(JSONExtractArrayRaw(issued, 'lines')) AS line,
    JSONExtractString(line, 'line_id') AS line_id,
    JSONExtractString(line, 'reference', 'invoice_id') AS adjusted_invoice_id,
    toDateTime(JSONExtractUInt(line, 'period_from'), 'UTC') AS period_from,
    JSONExtractString(line, 'kind') AS kind,
    JSONExtractString(line, 'name') AS name,
    JSONExtractString(line, 'plan') AS plan,
    JSONExtractString(line, 'project_id') AS project_id,
    JSONExtractString(line, 'model') AS model,
    JSONExtractString(line, 'gpu_model') AS gpu_model,
    JSONExtractString(line, 'mig_profile') AS mig_profile,
    JSONExtractString(line, 'price_book') AS price_book,
    JSONExtractString(line, 'unit') AS unit,
    JSONExtractUInt(line, 'tier') AS tier,
    toDecimal128(JSONExtractString(line, 'factor'), 12) AS factor,
    toDecimal128(JSONExtractString(line, 'gpu_time_ns'), 0) AS gpu_time_ns,
    toDecimal128(JSONExtractString(line, 'quantity'), 12) AS quantity,
    toDecimal128(JSONExtractString(line, 'unit_price'), 12) AS unit_price,
    toDecimal128(JSONExtractString(line, 'amount'), 12) AS amount,
    toDecimal128(JSONExtractString(line, 'rounded_amount'), 12) AS rounded_amount
FROM pricing_documents AS d
WHERE d.kind IN ('invoice', 'credit_note');

-- Invoiced lines in the columns of FOCUS 1.2 (docs/FOCUS.md). What a package was bought for is spread over what it covers: the
-- purchase has no effective cost, what it covers has its part of the price, and so has what expires.
CREATE VIEW focus_1_2_invoices SQL SECURITY DEFINER AS
WITH
    kind IN ('usage', 'commitment_usage', 'allowance', 'package', 'prepaid_expiry') AS is_usage,
    kind IN ('commitment_fee', 'flat_fee', 'prepaid_purchase', 'prepaid_refund', 'prepaid_credit') AS is_purchase,
    document_kind = 'credit_note' OR adjusted_invoice_id != '' AS is_correction,
    kind IN ('package', 'prepaid_purchase', 'prepaid_refund', 'prepaid_expiry', 'prepaid_credit') AS is_prepaid,
    -- Signed as the amount is: what is given back is a negative quantity.
    if(kind IN ('prepaid_refund', 'prepaid_credit'), -quantity, quantity) AS signed_quantity,
    toDecimal128(multiplyDecimal(unit_price, factor, 12), 12) AS price,
    toDecimal128(round(multiplyDecimal(signed_quantity, price, 24), 12), 12) AS cost,
    is_usage OR is_purchase AS is_priced,
    multiIf(unit = 'gpu_hour', 'GPU-Hours', unit = 'composite_gpu_hour', 'CompositeGPU-Hours',
        unit = 'committed_unit_hour', 'CommittedUnit-Hours', unit = 'currency', 'Units', 'Count') AS counted,
    toStartOfMonth(period_from, 'UTC') AS month
SELECT
    rounded_amount AS BilledCost,
    l.tenant_id AS BillingAccountId,
    CAST(NULL AS Nullable(String)) AS BillingAccountName,
    'Tenant' AS BillingAccountType,
    l.currency AS BillingCurrency,
    toDateTime(addMonths(month, 1), 'UTC') AS BillingPeriodEnd,
    toDateTime(month, 'UTC') AS BillingPeriodStart,
    multiIf(is_usage, 'Usage', is_purchase, 'Purchase', kind IN ('percentage_discount', 'fixed_discount'), 'Credit', 'Adjustment')
        AS ChargeCategory,
    if(is_correction, 'Correction', CAST(NULL AS Nullable(String))) AS ChargeClass,
    CAST(concat(
        if(document_kind = 'credit_note', 'Credit note ', 'Invoice '), number, ': ', replaceAll(kind, '_', ' '), ' ', name,
        if(model = '', '', concat(' of ', model, ' on ', gpu_model)), ', ', toString(quantity), ' x ', toString(unit_price),
        if(factor = 1, '', concat(' x ', toString(factor)))) AS Nullable(String)) AS ChargeDescription,
    multiIf(kind IN ('usage', 'commitment_usage', 'allowance', 'package'), 'Usage-Based',
        kind IN ('commitment_fee', 'flat_fee', 'minimum_commitment'), 'Recurring', 'One-Time') AS ChargeFrequency,
    BillingPeriodEnd AS ChargePeriodEnd,
    BillingPeriodStart AS ChargePeriodStart,
    multiIf(NOT is_prepaid, NULL, unit = 'currency', 'Spend', 'Usage') AS CommitmentDiscountCategory,
    if(is_prepaid, name, CAST(NULL AS Nullable(String))) AS CommitmentDiscountId,
    multiIf(kind = 'package', 'Used', kind = 'prepaid_expiry', 'Unused', CAST(NULL AS Nullable(String))) AS CommitmentDiscountStatus,
    if(is_prepaid, 'Prepaid', CAST(NULL AS Nullable(String))) AS CommitmentDiscountType,
    if(is_usage AND kind != 'prepaid_expiry', CAST(signed_quantity AS Nullable(Decimal(38, 12))), NULL) AS ConsumedQuantity,
    if(isNull(ConsumedQuantity), CAST(NULL AS Nullable(String)), counted) AS ConsumedUnit,
    if(is_priced, cost, rounded_amount) AS ContractedCost,
    if(is_priced, CAST(price AS Nullable(Decimal(38, 12))), NULL) AS ContractedUnitPrice,
    multiIf(
        kind IN ('prepaid_purchase', 'prepaid_refund', 'prepaid_credit'), toDecimal128(0, 12),
        kind IN ('package', 'prepaid_expiry'), toDecimal128(round(multiplyDecimal(quantity, p.bought_at, 24), 12), 12),
        rounded_amount) AS EffectiveCost,
    CAST(document_id AS Nullable(String)) AS InvoiceId,
    'Meterhouse' AS InvoiceIssuerName,
    ContractedCost AS ListCost,
    ContractedUnitPrice AS ListUnitPrice,
    multiIf(NOT is_priced, CAST(NULL AS Nullable(String)), kind = 'package' OR kind = 'prepaid_expiry', 'Committed', 'Standard')
        AS PricingCategory,
    if(is_priced, CAST(signed_quantity AS Nullable(Decimal(38, 18))), NULL) AS PricingQuantity,
    if(is_priced, counted, CAST(NULL AS Nullable(String))) AS PricingUnit,
    'Meterhouse' AS ProviderName,
    'Meterhouse' AS PublisherName,
    'AI and Machine Learning' AS ServiceCategory,
    'GPU Time' AS ServiceName,
    'Machine Learning' AS ServiceSubcategory,
    if(is_priced, CAST(arrayStringConcat(arrayFilter(part -> part != '', if(gpu_model = '', [kind, name], [gpu_model, mig_profile])), '/')
        AS Nullable(String)), NULL) AS SkuId,
    if(is_priced, CAST(if(gpu_model = '', replaceAll(kind, '_', ' '), 'Composite GPU Time') AS Nullable(String)), NULL) AS SkuMeter,
    if(is_priced, CAST(arrayStringConcat(arrayFilter(part -> part != '', [price_book, SkuId, plan, toString(tier)]), '/')
        AS Nullable(String)), NULL) AS SkuPriceId,
    nullIf(l.project_id, '') AS SubAccountId,
    CAST(NULL AS Nullable(String)) AS SubAccountName,
    nullIf(l.adjusted_invoice_id, '') AS x_AdjustedInvoiceId,
    l.amount AS x_Amount,
    l.gpu_time_ns AS x_GpuTimeNs,
    l.number AS x_InvoiceNumber,
    l.issued_at AS x_IssuedAt,
    l.line_id AS x_LineId,
    l.kind AS x_LineKind,
    nullIf(l.model, '') AS x_Model,
    l.name AS x_Name,
    nullIf(l.plan, '') AS x_Plan
FROM invoice_lines AS l
LEFT JOIN
(
    SELECT tenant_id, name, max(unit_price) AS bought_at
    FROM invoice_lines
    WHERE kind = 'prepaid_purchase'
    GROUP BY tenant_id, name
) AS p ON p.tenant_id = l.tenant_id AND p.name = l.name;
