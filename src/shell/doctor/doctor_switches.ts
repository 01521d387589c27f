/**
 * The kernel switches troop may set on this machine, as the doctor shows them: value now, value wanted, and why.
 *
 * Without an agent nobody knows the cluster's services. So the decision itself is asked for clusters that have one of
 * each kind, and what only some of them want says so.
 */
import { desiredSwitches } from "../../core/desired/desired_switches.ts";
import { EMPTY_DOCUMENT } from "../../core/document/document.ts";
import { type Service, serviceKey, serviceSchema } from "../../core/service/service.ts";
import { initialState, type Self, type State } from "../../core/state.ts";
import type { SwitchFinding } from "../../ports.ts";

/** A switch some cluster would want. */
export interface ExpectedSwitch {
  readonly name: string;
  /** Value, several with "or" between, and for which services: `1`, `0 or 1`, `1 with nat`. */
  readonly wanted: string;
  readonly why: string;
  /** Wanted whatever the services are: such a switch must be there. */
  readonly always: boolean;
}

/** Addresses for documentation (RFC 5737, RFC 3849): nothing is ever sent to them. */
const VIPS = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
const OWN = { 4: "192.0.2.2", 6: "2001:db8::2" } as const;

/** The services that make a difference, and how a person knows them. */
const kinds: readonly { readonly when: string; readonly services: readonly object[] }[] = [
  { when: "", services: [{ port: 80 }] },
  { when: "", services: [{ port: 80, scheduler: "sh" }] },
  {
    when: " with tunnels",
    services: [
      { port: 80, forwarding: "tunnel", tunnel: { kind: "ipip", port: 0, checksum: "none" } },
      { port: 81, forwarding: "tunnel", tunnel: { kind: "gre", port: 0, checksum: "none" } },
    ],
  },
  {
    when: " with nat",
    services: [
      { port: 80, forwarding: "nat" },
      { address: VIPS[6], port: 80, forwarding: "nat" },
    ],
  },
];

/** Every switch troop may set for VIPs on this interface, in the order in which it sets them. */
export function expectedSwitches(interfaceName: string): ExpectedSwitch[] {
  const found = new Map<string, { when: string; values: Set<string>; why: string }>();
  for (const { when, services } of kinds) {
    const standby = stateWith(interfaceName, services.map(completed));
    for (const state of [holding(standby), standby]) {
      for (const { name, value, why } of desiredSwitches(state)) {
        const known = found.get(name) ?? { when, values: new Set<string>(), why };
        known.values.add(value.replaceAll("\t", " "));
        found.set(name, known);
      }
    }
  }
  return [...found].map(([name, { when, values, why }]) => ({
    name,
    wanted: `${[...values].sort().join(" or ")}${when}`,
    why,
    always: when === "",
  }));
}

/** The same with the values of this machine. */
export function findSwitches(
  expected: readonly ExpectedSwitch[],
  readText: (path: string) => string | null,
): SwitchFinding[] {
  return expected.map(({ name, wanted, why }) => ({
    name,
    now: readText(switchPath(name))?.trim().replaceAll("\t", " ") ?? null,
    wanted,
    why,
  }));
}

/** The file of a switch: dots become slashes and slashes dots (sysctl(8)). */
export function switchPath(name: string): string {
  return `/proc/sys/${name.split(".").map((part) => part.replaceAll("/", ".")).join("/")}`;
}

function completed(service: object): Service {
  return serviceSchema.parse({
    address: VIPS[4],
    protocol: "tcp",
    scheduler: "wlc",
    forwarding: "dr",
    check: { kind: "none", port: null },
    ...service,
  });
}

function stateWith(interfaceName: string, services: readonly Service[]): State {
  const state = initialState(selfOn(interfaceName), 0);
  return {
    ...state,
    document: {
      ...EMPTY_DOCUMENT,
      services: new Map(services.map((service) => [serviceKey(service), service])),
    },
    vips: Object.values(VIPS),
    placements: new Map(
      Object.values(VIPS).map((vip) => [vip, { interface: interfaceName, unfit: null }]),
    ),
  };
}

function holding(state: State): State {
  const hold = {
    epoch: 1,
    phase: "holding",
    sinceMs: 0,
    renewedMs: 0,
    announceFrom: [],
    announcedMs: 0,
    rival: false,
    funnelMs: null,
    successor: null,
    lost: false,
  } as const;
  return { ...state, holds: new Map([[VIPS[4], { ...hold }]]) };
}

function selfOn(interfaceName: string): Self {
  const path = (address: string) => ({ interface: interfaceName, address, prefixLength: 24 });
  return {
    cluster: "troop",
    id: "0".repeat(16),
    name: "doctor",
    peer: "",
    version: "",
    boot: 0,
    paths: [path(OWN[4]), path(OWN[6])],
    port: 0,
    director: true,
    realServer: true,
    priority: 0,
    pulseMs: 0,
    deadMs: 0,
    syncInterface: interfaceName,
    witness: "off",
  };
}
