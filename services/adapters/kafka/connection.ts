// Where Kafka is, and how a process makes itself known to it.

export interface KafkaConnection {
  readonly brokers: readonly string[];
  /** TLS, with PEM texts: authorities instead of the system's own, and a certificate with its key. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: Sasl;
}

export type Sasl =
  | {
      readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
      readonly user: string;
      readonly password: string;
    }
  | { readonly mechanism: "OAUTHBEARER"; readonly token: TokenSource };

/** A file that somebody else renews, or an endpoint that issues tokens to a client (RFC 6749, 4.4). */
export type TokenSource =
  | { readonly file: string }
  | {
      readonly url: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope?: string;
    };
