-- Lines of invoices and credit notes that were issued for the hours in [from, to), in the columns of FOCUS 1.2, for a file: see
-- pricing_focus.sql.
SELECT * REPLACE (
    {provider_name:String} AS InvoiceIssuerName, {provider_name:String} AS ProviderName, {provider_name:String} AS PublisherName)
FROM focus_1_2_invoices
WHERE
    ChargePeriodStart >= toDateTime({from:UInt32}, 'UTC')
    AND ChargePeriodStart < toDateTime({to:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR BillingAccountId = {tenant_id:String})
ORDER BY toUInt64(x_InvoiceNumber), InvoiceId, x_LineId
