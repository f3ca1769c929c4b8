// Cluster id, topic id and partitions of a topic. kafkajs 2.2.4 speaks Metadata up to version 6, which has no topic ids
// (KIP-516): this is version 10 of the request, over kafkajs's own connections, so that TLS and SASL are its.
import { createRequire } from "node:module";
import type { Kafka } from "kafkajs";
import type { TopicIdentity } from "../../domain/log/generations.ts";
import { systemClock } from "../clock/clock.ts";
import { ALIVE } from "./client.ts";
import { isOutage } from "./outage.ts";

const PAUSE_MS = 100;
const METADATA = 3;
const VERSION = 10;
const TOPIC_ID_BYTES = 16;

interface Encoder {
  writeInt8(value: number): Encoder;
  writeBoolean(value: boolean): Encoder;
  writeUVarInt(value: number): Encoder;
  writeUVarIntString(value: string): Encoder;
  writeBuffer(value: Buffer): Encoder;
}

interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readBoolean(): boolean;
  readUVarInt(): number;
  readUVarIntString(): string | null;
  readBytes(length: number): Buffer;
}

interface Found {
  readonly error: number;
  readonly cluster_id: string;
  readonly topic_id: string;
  readonly partitions: number;
}

interface Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  readonly connectionPool: { send(request: object): Promise<unknown> };
}

interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findControllerBroker(): Promise<Broker>;
}

const require = createRequire(import.meta.url);
const EncoderOf = require("kafkajs/src/protocol/encoder") as new () => Encoder;
const DecoderOf = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => Decoder;
const { createErrorFromCode } = require("kafkajs/src/protocol/error") as {
  createErrorFromCode(code: number): Error;
};

/** Asks again while Kafka is away. @throws a KafkaJSProtocolError where there is no such topic */
export async function topicIdentity(kafka: Kafka, topic: string): Promise<TopicIdentity> {
  for (;;) {
    const cluster = clusterOf(kafka);
    try {
      await cluster.connect();
      await cluster.refreshMetadata();
      const identity = await ask(await cluster.findControllerBroker(), topic);
      kafka.logger().info(ALIVE);
      return identity;
    } catch (error) {
      if (!isOutage(error)) throw error;
      await systemClock.sleep(PAUSE_MS);
    } finally {
      await cluster.disconnect();
    }
  }
}

async function ask(broker: Broker, topic: string): Promise<TopicIdentity> {
  const newest = broker.versions[METADATA]?.maxVersion ?? 0;
  if (newest < VERSION) throw new Error("Kafka is older than 2.8, which has no topic ids: use a newer one.");
  const { error, ...found } = (await broker.connectionPool.send({
    request: { apiKey: METADATA, apiVersion: VERSION, apiName: "Metadata", encode: () => request(topic) },
    response: {
      decode: async (bytes: Buffer) => new DecoderOf(bytes),
      parse: (it: Decoder) => response(it, topic),
    },
  })) as Found;
  if (error !== 0) throw createErrorFromCode(error);
  return { ...found, topic };
}

/** kafkajs offers no cluster by itself. */
function clusterOf(kafka: Kafka): Cluster {
  const name = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster",
  );
  const create = name === undefined ? undefined : (kafka as unknown as Record<symbol, unknown>)[name];
  if (typeof create !== "function") throw new Error("kafkajs has moved what makes its connections");
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false }) as Cluster;
}

/** [topics: [topic_id name tags]] allow_auto_topic_creation, two flags for authorized operations, tags; tags of the header first. */
async function request(topic: string): Promise<Encoder> {
  return new EncoderOf()
    .writeInt8(0)
    .writeUVarInt(2)
    .writeBuffer(Buffer.alloc(TOPIC_ID_BYTES))
    .writeUVarIntString(topic)
    .writeUVarInt(0)
    .writeBoolean(false)
    .writeBoolean(false)
    .writeBoolean(false)
    .writeUVarInt(0);
}

async function response(decoder: Decoder, topic: string): Promise<Found> {
  skipTags(decoder);
  decoder.readInt32();
  each(decoder, () => {
    decoder.readInt32();
    decoder.readUVarIntString();
    decoder.readInt32();
    decoder.readUVarIntString();
    skipTags(decoder);
  });
  const cluster_id = decoder.readUVarIntString() ?? "";
  decoder.readInt32();
  let found: Found | undefined;
  each(decoder, () => {
    const error = decoder.readInt16();
    const name = decoder.readUVarIntString();
    const id = decoder.readBytes(TOPIC_ID_BYTES).toString("hex");
    decoder.readBoolean();
    const partitions = each(decoder, () => skipPartition(decoder));
    decoder.readInt32();
    skipTags(decoder);
    if (name === topic) found = { error, cluster_id, topic_id: /^0+$/.test(id) ? "" : id, partitions };
  });
  if (found === undefined) throw new Error(`Kafka answered nothing about the topic ${topic}`);
  return found;
}

function skipPartition(decoder: Decoder): void {
  decoder.readInt16();
  for (const _ of ["partition", "leader", "leader epoch"]) decoder.readInt32();
  for (const _ of ["replicas", "in sync", "offline"]) each(decoder, () => decoder.readInt32());
  skipTags(decoder);
}

/** Reads an array, whose length is written as one more; answers the length. */
function each(decoder: Decoder, read: () => void): number {
  const length = Math.max(0, decoder.readUVarInt() - 1);
  for (let i = 0; i < length; i++) read();
  return length;
}

function skipTags(decoder: Decoder): void {
  for (let left = decoder.readUVarInt(); left > 0; left--) {
    decoder.readUVarInt();
    decoder.readBytes(decoder.readUVarInt());
  }
}
