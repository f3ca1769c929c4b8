// Who may do what with the topic of events. Kafka denies what no ACL allows.
import kafkajs, { type AclEntry, type Kafka } from "kafkajs";
import { withAdmin } from "./admin.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

/** Kafka's principals, such as `User:probe`, by what they are for. */
export interface Principals {
  readonly probe: readonly string[];
  readonly processor: readonly string[];
  readonly pricing: readonly string[];
  readonly settlement: readonly string[];
  readonly jobs: readonly string[];
}

export interface Right {
  readonly principal: string;
  readonly resource: "topic" | "group";
  readonly name: string;
  readonly operation: "Read" | "Write" | "Describe" | "DescribeConfigs";
}

/** The least that each needs: whoever writes cannot read, and settlement and the jobs only look where the log ends. */
export function wantedRights(principals: Principals, topic: string, group: string): Right[] {
  const onTopic = (who: readonly string[], ...operations: Right["operation"][]) =>
    who.flatMap((principal) =>
      operations.map((operation): Right => ({ principal, resource: "topic", name: topic, operation })),
    );
  return [
    ...onTopic([...principals.probe, ...principals.pricing], "Write", "Describe"),
    ...onTopic(principals.processor, "Read", "Describe", "DescribeConfigs"),
    ...principals.processor.map((principal): Right => {
      return { principal, resource: "group", name: group, operation: "Read" };
    }),
    ...onTopic([...principals.settlement, ...principals.jobs], "Describe"),
  ];
}

const OPERATIONS = {
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Describe: AclOperationTypes.DESCRIBE,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
} as const;
const RESOURCES = { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP } as const;

export async function grant(kafka: Kafka, rights: readonly Right[]): Promise<void> {
  const acl = rights.map(({ principal, resource, name, operation }): AclEntry => {
    return {
      principal,
      host: "*",
      resourceType: RESOURCES[resource],
      resourceName: name,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      operation: OPERATIONS[operation],
      permissionType: AclPermissionTypes.ALLOW,
    };
  });
  await withAdmin(kafka, (admin) => admin.createAcls({ acl }));
}

/** Whom an ACL lets do something with the topic, by name or by a pattern, that none of these rights is about. */
export async function strangersOf(
  kafka: Kafka,
  topic: string,
  rights: readonly Right[],
): Promise<readonly string[]> {
  const { resources } = await withAdmin(kafka, (admin) =>
    admin.describeAcls({
      resourceType: AclResourceTypes.TOPIC,
      resourceName: topic,
      resourcePatternType: ResourcePatternTypes.MATCH,
      operation: AclOperationTypes.ANY,
      permissionType: AclPermissionTypes.ALLOW,
    }),
  );
  const known = new Set(
    rights
      .filter(({ resource }) => resource === "topic")
      .map(({ principal, operation }) => `${principal} ${OPERATIONS[operation]}`),
  );
  const found = resources
    .flatMap(({ acls }) => acls)
    .filter(({ principal, operation }) => !known.has(`${principal} ${operation}`))
    .map(({ principal, operation }) => `${principal} (${operationName(operation)})`);
  return [...new Set(found)].toSorted();
}

/** What kafkajs declares as an enum is, at run time, a plain object. */
function operationName(operation: number): string {
  return Object.entries(AclOperationTypes).find(([, value]) => value === operation)?.[0] ?? String(operation);
}
