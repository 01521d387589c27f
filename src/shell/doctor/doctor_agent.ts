/**
 * What the doctor says of the agent that runs: whether it may do what it has to, and no more.
 */
import type { Config } from "../../core/config.ts";
import type { Finding } from "../../ports.ts";
import {
  hasCapability,
  hasExcess,
  neededCapabilities,
  readCapabilities,
} from "../process/privileges.ts";

const WHAT = "agent";

/** Examines the process of the agent by its /proc/PID/status; says nothing while none runs. */
export function examineAgent(config: Config | undefined, status: string | null): Finding[] {
  if (status === null) return [];
  const capabilities = readCapabilities(status);
  const missing = neededCapabilities.filter(({ bit }) =>
    !hasCapability(capabilities.effective, bit)
  );
  if (missing.length > 0) {
    const detail = `runs without ${
      missing.map(({ name, why }) => `${name} (${why})`).join(" and ")
    }`;
    return [{ what: WHAT, state: "missing", detail, remedy: "start it as root, or by systemd" }];
  }
  if (!hasExcess(capabilities)) {
    const names = neededCapabilities.map(({ name }) => name).join(" and ");
    return [{ what: WHAT, state: "ok", detail: `runs with ${names} alone`, remedy: null }];
  }
  if (config?.privileges === "keep") {
    const detail = "runs with all privileges of root, as `privileges: keep` says";
    return [{ what: WHAT, state: "ok", detail, remedy: null }];
  }
  return [{
    what: WHAT,
    state: "warning",
    detail: "runs with more privileges than it needs",
    remedy: "start it again; its log says what it could not give up",
  }];
}
