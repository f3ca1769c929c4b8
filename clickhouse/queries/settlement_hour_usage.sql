-- Usage of hours, each under a cut of its own, without voided events; of one tenant, or of all. For hours whose ids are unique.
SELECT
    toUnixTimestamp(hour) AS hour_start,
    {{usage_keys}},
    {{event_sums}},
    arraySort(groupUniqArray(apportionment)) AS apportionments
FROM usage_log AS l
WHERE
    kind = 'event'
    AND hour IN {{hours}}
    AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
    AND {{under_cut}}
    AND NOT {{is_voided}}
GROUP BY hour_start, {{usage_keys}}
