import { spawn } from "node:child_process";
import { PROJECT_ROOT, PYTHON } from "./paths.ts";

/** Runs the probe's tests and ends with pytest's exit code; that of a run without any test (5) is a failure too. */
const pytest = spawn(PYTHON, ["-m", "pytest", "gpu-probe/tests"], {
  cwd: PROJECT_ROOT,
  stdio: "inherit",
});
pytest.once("error", () => {
  process.stderr.write(`${PYTHON} is not there; run "npm run setup" first.\n`);
  process.exitCode = 1;
});
pytest.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
