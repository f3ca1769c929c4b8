import { route } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import { REJECT_CODES, type RejectCode } from "../../domain/event/codes.ts";
import type { RecordLedger } from "../../domain/ports/records.ts";
import { pageOf, rangeIn } from "../paging.ts";
import {
  AccountingRow,
  OPTIONAL_TENANT,
  PAGE,
  page,
  query,
  RANGE,
  RejectedQuery,
  RejectedShape,
} from "../schemas.ts";

interface Deps {
  readonly ledger: Pick<RecordLedger, "accounting" | "rejected">;
  readonly topic: string;
}

const HOURS_MAX = 31 * 24 + 28;
const ACCOUNT_PLACE = [/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z$/, /^[^\0]{0,128}$/];
const REJECTED_PLACE = [/^[0-9]{1,4}$/, /^[0-9]{1,18}$/];

/** Rejections that are no fault of the value itself: sent again, with the right key, the same bytes may be counted. */
const WORTH_SENDING_AGAIN: ReadonlySet<string> = new Set<RejectCode>([
  "RECORD_UNKNOWN_SCHEMA",
  "RECORD_KEY_MISSING",
  "RECORD_KEY_MISMATCH",
  "EVENT_TIME_FUTURE",
]);

/** P1: what became of every record, and the ones that were rejected. */
export function accountRoutes(deps: Deps) {
  return [accounting(deps), listRejectedEvents(deps)];
}

const accounting = ({ ledger }: Deps) =>
  route({
    method: "GET",
    path: "/v1/accounting",
    operation: "accounting",
    summary: "List record counts by tenant and hour: received = counted + duplicates + conflicts + rejected",
    scopes: SCOPES,
    query: query({ ...RANGE, ...OPTIONAL_TENANT, ...PAGE }),
    reply: page(AccountingRow),
    async handle({ query, caller }) {
      const range = rangeIn(query, HOURS_MAX);
      if (isRefusal(range)) return range;
      const audience = audienceOf(caller, query.tenant_id);
      if (isRefusal(audience)) return audience;
      return pageOf(
        query,
        ACCOUNT_PLACE,
        ([hour = "", tenant_id = ""], limit) =>
          ledger.accounting(range, audience, { hour, tenant_id }, limit),
        ({ hour, tenant_id }) => [hour, tenant_id],
      );
    },
  });

const listRejectedEvents = ({ ledger, topic }: Deps) =>
  route({
    method: "GET",
    path: "/v1/rejected-events",
    operation: "listRejectedEvents",
    summary: "List rejected records: the reason, the bytes, and whether resending helps",
    scopes: OPERATORS,
    query: RejectedQuery,
    reply: page(RejectedShape),
    async handle({ query: { code = null, tenant_id, ...paging }, caller }) {
      const audience = audienceOf(caller, tenant_id);
      if (isRefusal(audience)) return audience;
      return pageOf(
        paging,
        REJECTED_PLACE,
        async ([partition = "0", offset = "-1"], limit) => {
          const after = { partition: Number(partition), offset };
          const rows = await ledger.rejected({ code, audience }, after, limit);
          return rows.map((row) => ({
            ...row,
            advice: REJECT_CODES[row.reject_code as RejectCode] ?? "",
            is_worth_sending_again: WORTH_SENDING_AGAIN.has(row.reject_code),
            topic,
          }));
        },
        ({ kafka_partition, kafka_offset }) => [String(kafka_partition), kafka_offset],
      );
    },
  });
