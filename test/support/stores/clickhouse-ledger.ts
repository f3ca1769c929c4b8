// The ledger in ClickHouse and what checks its hours, as the pricing service wires them.
import type { ClickHouse } from "../../../services/adapters/clickhouse/client.ts";
import { ClickHouseLedger } from "../../../services/adapters/clickhouse/ledger.ts";
import { ClickHouseSettlementStore } from "../../../services/adapters/clickhouse/settlement-store.ts";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { createHourVerifier } from "../../../services/billing/verification/verify-hour.ts";

export function ledgerOver(clickhouse: ClickHouse, database: string) {
  const closed_hours = new ClickHouseSettlementStore(clickhouse, database);
  return {
    ledger: new ClickHouseLedger(clickhouse),
    closed_hours,
    verifier: createHourVerifier(closed_hours, sha256),
  };
}
