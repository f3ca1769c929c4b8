-- Charges of the hours in [from, to) in the columns of FOCUS 1.2, for a file: one tenant's, or everybody's and the
-- operator's own. In one order, so that the same charges are the same file.
SELECT * REPLACE (
    {provider_name:String} AS InvoiceIssuerName, {provider_name:String} AS ProviderName, {provider_name:String} AS PublisherName)
FROM focus_1_2
WHERE
    ChargePeriodStart >= toDateTime({from:UInt32}, 'UTC')
    AND ChargePeriodStart < toDateTime({to:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR (BillingAccountType = 'Tenant' AND BillingAccountId = {tenant_id:String}))
ORDER BY ChargePeriodStart, x_ChargeId
