// A bad network between a processor and ClickHouse: an HTTP proxy that can be down, and that can lose or delay inserts.
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What becomes of one insert. Where it is not forwarded at once, it is when `forward` resolves. */
export interface Treatment {
  /** The sender's connection is cut: before the insert is forwarded, or after it was carried out. */
  readonly lose?: "request" | "answer";
  /** Half of the body goes on at once, the rest when `forward` resolves. */
  readonly half?: boolean;
  readonly forward?: Promise<void>;
}

export class ClickHouseProxy {
  /** What ClickHouse answered to inserts into usage_log, status and body, also where nobody heard it. */
  readonly answers: string[] = [];
  /** Called for each insert into usage_log, from 0 on. */
  treat: (insert: number) => Treatment = () => ({});
  private readonly target: URL;
  private readonly server: Server;
  private readonly waiting: (() => void)[] = [];
  private inserts = 0;
  private port = 0;

  private constructor(target: string) {
    this.target = new URL(target);
    this.server = createServer((incoming, outgoing) => void this.pass(incoming, outgoing));
  }

  /** @param port taken earlier for a proxy that is not up yet; any free one by default */
  static async open(target: string, port = 0): Promise<ClickHouseProxy> {
    const proxy = new ClickHouseProxy(target);
    proxy.port = port;
    await proxy.up();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens, on the same port as before. */
  async up(): Promise<void> {
    this.server.listen(this.port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Refuses connections and cuts the ones there are. */
  async down(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, "close");
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** Resolves once so many inserts have arrived here. */
  async arrived(inserts: number): Promise<void> {
    while (this.inserts < inserts) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private async pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const sql = new URL(incoming.url ?? "/", this.url).searchParams.get("query") ?? "";
    const body = Buffer.concat(await incoming.toArray().catch(() => []));
    if (!sql.startsWith("INSERT INTO usage_log ")) {
      await this.forward(incoming, outgoing, [body], {});
      return;
    }
    const treatment = this.treat(this.inserts++);
    for (const tell of this.waiting.splice(0)) tell();
    if (treatment.lose === "request") outgoing.destroy();
    if (treatment.lose === "request" && treatment.forward === undefined) return;
    const half = treatment.half === true ? Math.floor(body.length / 2) : 0;
    const answer = await this.forward(
      incoming,
      outgoing,
      [body.subarray(0, half), body.subarray(half)],
      treatment,
    );
    this.answers.push(answer);
  }

  private async forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    [now, later = Buffer.alloc(0)]: readonly Buffer[],
    treatment: Treatment,
  ): Promise<string> {
    const { hostname: host, port } = this.target;
    const headers = { ...incoming.headers, connection: "close" };
    if (now?.length === 0) await treatment.forward;
    const upstream = request({ host, port, method: incoming.method, path: incoming.url, headers });
    const answered = once(upstream, "response") as Promise<[IncomingMessage]>;
    answered.catch(() => outgoing.destroy());
    upstream.write(now ?? "");
    if (now?.length !== 0) await treatment.forward;
    upstream.end(later);
    try {
      const [answer] = await answered;
      const body = Buffer.concat(await answer.toArray());
      if (treatment.lose === "answer") outgoing.destroy();
      else outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(body);
      return `${answer.statusCode} ${body.toString()}`.trim();
    } catch (error) {
      outgoing.destroy();
      return String(error);
    }
  }
}
