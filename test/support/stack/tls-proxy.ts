// TLS before a server that has none: it demands a certificate of its clients.
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { createServer } from "node:tls";
import { onTestFinished } from "vitest";
import type { Authority, Certificate } from "../builders/certificates.ts";

/** @returns the proxy's port, for the time of the calling test */
export async function tlsProxy(target: string, own: Certificate, clients: Authority): Promise<number> {
  const { hostname, port } = new URL(target);
  const { certificate: cert, key } = own;
  const server = createServer({ cert, key, ca: clients.certificate, requestCert: true }, (near) => {
    const far = connect(Number(port), hostname);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
