import { fileURLToPath } from "node:url";

/** Everything that set-up makes lies under `.meterhouse/` and `.venv/` at the project's root; git ignores both. */
export const PROJECT_ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const STATE_FOLDER = fileURLToPath(new URL("../../.meterhouse", import.meta.url));
export const KAFKA_JARS = `${STATE_FOLDER}/kafka`;
export const KAFKA_POM = fileURLToPath(new URL("pom.xml", import.meta.url));
export const PROBE_FOLDER = `${PROJECT_ROOT}gpu-probe`;
export const VIRTUAL_ENV = `${PROJECT_ROOT}.venv`;
export const PYTHON = `${VIRTUAL_ENV}/bin/python`;
