/**
 * A change of a service in place: what is named changes, what depends on it follows, all else stays.
 */
import { changeCheck } from "../check.ts";
import { IPIP } from "./forwarding.ts";
import type { Persistence } from "./scheduling.ts";
import { type Service, type ServiceChange, serviceProblem } from "./service.ts";

/** The changed service, or in words why it cannot be. */
export function changeService(service: Service, change: ServiceChange): Service | string {
  const { vips, ports, check, persistence: _, ...settings } = change;
  if (service.protocol !== "fwm" && (vips !== undefined || ports !== undefined)) {
    return "only a mark service has VIPs and ports beside its name";
  }
  const forwarding = change.forwarding ?? service.forwarding;
  if (change.tunnel && forwarding !== "tunnel") {
    return "a tunnel needs the forwarding method tunnel";
  }
  const persistence = changePersistence(service, change);
  if (typeof persistence === "string") return persistence;
  const checked = changeCheck(service.check, check ?? {});
  if (typeof checked === "string") return `the check: ${checked}`;
  const dependent = {
    persistence,
    check: checked,
    tunnel: forwarding === "tunnel" ? change.tunnel ?? service.tunnel ?? IPIP : null,
    // Flags are those of a scheduler: another one has others.
    flags: change.flags ??
      (change.scheduler === undefined || change.scheduler === service.scheduler
        ? service.flags
        : []),
  };
  const changed: Service = service.protocol === "fwm"
    ? {
      ...service,
      ...named(settings),
      ...dependent,
      vips: vips ?? service.vips,
      ports: ports ?? service.ports,
    }
    : { ...service, ...named(settings), ...dependent };
  return serviceProblem(changed) ?? changed;
}

function changePersistence(service: Service, change: ServiceChange): Persistence | null | string {
  if (change.persistence === undefined) return service.persistence;
  if (change.persistence === null) return null;
  const { timeoutS = service.persistence?.timeoutS, prefixLength, engine } = change.persistence;
  if (timeoutS === undefined) return "a netmask and a persistence engine need persistence";
  return {
    timeoutS,
    prefixLength: prefixLength === undefined
      ? service.persistence?.prefixLength ?? null
      : prefixLength,
    engine: engine === undefined ? service.persistence?.engine ?? null : engine,
  };
}

/** What is named: a field that is undefined must not hide the one it is laid over. */
function named<Values extends object>(
  values: Values,
): { [Key in keyof Values]?: Exclude<Values[Key], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Values]?: Exclude<Values[Key], undefined> };
}
