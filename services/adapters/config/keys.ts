/**
 * Every environment name that Meterhouse reads, and what it is for. A field can only be declared for a key of this
 * table, so a name that is set but not here is a typing error of the operator and is warned about; the README beside
 * this file is checked against the table. A secret `X` can be given as `X_FILE`, a path, instead.
 */
export const CONFIG_KEYS = {
  METERHOUSE_CONFIG: "Path of a JSON file with the same names as keys; the environment wins over it.",
  METERHOUSE_LOG_LEVEL: "How much is logged: trace, debug, info, warn, error or silent.",
  METERHOUSE_COMMIT: "Commit that runs, for the metric meterhouse_build_info; the image has it.",
  METERHOUSE_METRICS_HOST: "Address that /metrics, /healthz and /readyz listen on.",
  METERHOUSE_METRICS_PORT: "Port of /metrics, /healthz and /readyz; 0 takes any free port.",
  METERHOUSE_KAFKA_BROKERS: "Kafka brokers, host:port separated by commas.",
  METERHOUSE_KAFKA_SECURITY: "How Kafka is spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
  METERHOUSE_KAFKA_SASL_MECHANISM: "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.",
  METERHOUSE_KAFKA_SASL_USER: "Kafka user of this process, for PLAIN and SCRAM.",
  METERHOUSE_KAFKA_SASL_PASSWORD: "Password of that user (secret).",
  METERHOUSE_KAFKA_OAUTH_TOKEN_FILE:
    "File with a token for OAUTHBEARER; it is read again for each connection.",
  METERHOUSE_KAFKA_OAUTH_URL: "Endpoint that issues tokens for OAUTHBEARER to a client's credentials.",
  METERHOUSE_KAFKA_OAUTH_CLIENT_ID: "Client of that endpoint.",
  METERHOUSE_KAFKA_OAUTH_CLIENT_SECRET: "Secret of that client (secret).",
  METERHOUSE_KAFKA_OAUTH_SCOPE: "Scope that is asked of that endpoint.",
  METERHOUSE_KAFKA_TLS_CA: "PEM of the authorities that sign the brokers' certificates (secret).",
  METERHOUSE_KAFKA_TLS_CERTIFICATE: "PEM of this process's own certificate for the brokers (secret).",
  METERHOUSE_KAFKA_TLS_KEY: "PEM of that certificate's private key (secret).",
  METERHOUSE_TOPIC: "Kafka topic of the probes' records.",
  METERHOUSE_TOPIC_REFRESH:
    "How often the processor asks whether the topic is still the same and has more partitions.",
  METERHOUSE_TOPIC_CHECK:
    "Whether a processor refuses to start on a topic with wrong settings, warns of it, or does not look: refuse, warn or off.",
  METERHOUSE_MISPLACED_RECORDS:
    "What becomes of a record in another partition than its key's: look_up (its id is looked up) or reject.",
  METERHOUSE_CONSUMER_GROUP: "Kafka consumer group that the processors share.",
  METERHOUSE_CLICKHOUSE_URL: "HTTP or HTTPS address of ClickHouse, without user or password.",
  METERHOUSE_CLICKHOUSE_DATABASE: "ClickHouse database.",
  METERHOUSE_CLICKHOUSE_USER: "ClickHouse user of this process.",
  METERHOUSE_CLICKHOUSE_PASSWORD: "Password of that user (secret).",
  METERHOUSE_CLICKHOUSE_TLS_CA: "PEM of the authorities that sign ClickHouse's certificate (secret).",
  METERHOUSE_CLICKHOUSE_TLS_CERTIFICATE: "PEM of this process's own certificate for ClickHouse (secret).",
  METERHOUSE_CLICKHOUSE_TLS_KEY: "PEM of that certificate's private key (secret).",
  METERHOUSE_BLOCK_ROWS_MAX: "Rows at which a block is written to ClickHouse.",
  METERHOUSE_BLOCK_BYTES_MAX: "Bytes of rejected records at which a block is written.",
  METERHOUSE_FLUSH: "Longest time that a record waits in a block.",
  METERHOUSE_SESSION_TIMEOUT: "Silence after which the group gives a processor's partitions to another one.",
  METERHOUSE_DEDUPE_HOURS: "Event-hours whose ids are remembered; older ids are looked up.",
  METERHOUSE_DEDUPE_IDS_MAX:
    "Ids remembered at most, 28 bytes each; beyond it the oldest hour is forgotten and looked up.",
  METERHOUSE_EVENT_AGE_MAX: "Oldest event accepted; at most 90d, which retention counts on.",
  METERHOUSE_FETCH_BYTES_MAX: "Bytes fetched from Kafka at once.",
  METERHOUSE_BATCH_BYTES_MAX: "Bytes of a record batch when decompressed; a longer one is rejected.",
  METERHOUSE_CONFLUENT_SCHEMA_IDS: "Schemas that a registry's ids stand for, such as 1=gpu_time_event/v1.",
  METERHOUSE_CORRECTION_KEY:
    "What voids and successors are vouched for with: key id, a colon, base64; the first of two makes MACs (secret).",
  METERHOUSE_REQUIRE_SIGNED_SESSIONS:
    "Whether an event without a session token of the gateway is rejected; load and warm-up need none, and no tenant pays for them.",
  METERHOUSE_SESSION_KEYS_FILE:
    "Path of a JSON object of the gateway's public keys by key id, Ed25519 in base64url; tokens are checked with them.",
  METERHOUSE_UNSIGNED_VOIDS:
    "Whether a void without a MAC that can be checked takes its event out; true only where no key is set.",
  METERHOUSE_GRACE: "How long after an hour's end its records may still be appended before it closes.",
  METERHOUSE_UNMETERED_PERCENT:
    "Part of the time of a GPU in an hour, in percent, from which work that nobody metered is warned about.",
  METERHOUSE_CLOSE_SCHEDULE: "Cron expression (UTC) of settlement's passes.",
  METERHOUSE_REVISIONS_MAX:
    "Closed hours that a scheduled pass revises for late events at most; one takes about a second, and closes come first.",
  METERHOUSE_REVISION_PAUSE:
    "How long after an hour's newest revision late events are gathered for the next one; 15m makes four an hour at most.",
  METERHOUSE_LEASE:
    "How long settlement or the jobs lead without renewing; a crashed leader is waited for that long.",
  METERHOUSE_CLOSE_KEY: "Ed25519 private key, PKCS8 in PEM, that closes are signed with (secret).",
  METERHOUSE_API_HOST: "Address that the pricing API listens on.",
  METERHOUSE_API_PORT: "Port of the pricing API; 0 takes any free port.",
  METERHOUSE_API_RATE: "Requests per second that one API key may keep up; twice as many at once.",
  METERHOUSE_API_EXPENSIVE_MAX:
    "Expensive requests (verifications, drafts, quotes, what-ifs, exports) at work at once; half at most for one tenant.",
  METERHOUSE_TRUSTED_PROXIES:
    "Proxies whose X-Forwarded-For is believed, as addresses or networks; without them whoever connects is the client.",
  METERHOUSE_INVOICE_SELLER:
    "Who issues the invoices, as it is printed on them, such as a name and an address.",
  METERHOUSE_API_URL: "Address of the pricing API, for commands that ask it.",
  METERHOUSE_API_KEY: "API key of those commands (secret).",
  METERHOUSE_INVOICE_GRACE:
    "How long after its end a period is invoiced by the jobs; 0ms leaves invoices to people.",
  METERHOUSE_INVOICE_SCHEDULE: "Cron expression (UTC) of invoicing periods that are over.",
  METERHOUSE_RETENTION: "Age at which a day of usage_log may be exported and dropped; at least 90d.",
  METERHOUSE_EXPORT_FOLDER: "Folder that days of usage_log are exported to; without it nothing is dropped.",
  METERHOUSE_RETENTION_USER: "ClickHouse user that drops exported days and can do nothing else.",
  METERHOUSE_RETENTION_PASSWORD: "Password of that user (secret).",
  METERHOUSE_INDEX_SCHEDULE: "Cron expression (UTC) at which points of the index are published.",
  METERHOUSE_RETENTION_SCHEDULE: "Cron expression (UTC) of retention.",
  METERHOUSE_ALERT_SCHEDULE: "Cron expression (UTC) of raising alerts and delivering their webhooks.",
  METERHOUSE_WEBHOOK_SECRET: "What webhooks are signed with: whsec_ and 24 to 64 bytes in base64 (secret).",
  METERHOUSE_WEBHOOK_PRIVATE:
    "Whether webhooks may go to private addresses, and by plain HTTP to this machine.",
  METERHOUSE_WEBHOOK_AGE: "How long the delivery of an alert is tried before it is given up.",
} as const satisfies Record<string, string>;

export type ConfigKey = keyof typeof CONFIG_KEYS;
