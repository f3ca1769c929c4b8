/** What our processes are started with. kafkajs asks timers for negative times, which Node 24 warns about and does right. */
export const NODE_FLAGS = ["--disable-warning=TimeoutNegativeWarning"] as const;
