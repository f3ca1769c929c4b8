/** Sends signed webhooks to addresses that are not trusted. */
export interface Webhooks {
  /** Never rejects because of what the receiver does; `detail` is for people. */
  send(
    webhook: { readonly id: string; readonly url: string; readonly body: string },
    signal?: AbortSignal,
  ): Promise<{ readonly isAccepted: boolean; readonly detail: string }>;
}
