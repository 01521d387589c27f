/**
 * What cannot stand beside each other in a whole document, entry by entry: what conflicts.ts says of one that is
 * entered, in one pass over thousands.
 */
import type { Ip } from "../address.ts";
import { ipFamily } from "../address.ts";
import { impossibleCheck } from "../check/impossible.ts";
import { serverProblem } from "./conflicts.ts";
import type { ChangedPart, Described } from "./difference.ts";
import { vipsOf } from "./document.ts";
import { DRAINS_MAX, SERVERS_MAX, SERVICES_MAX, VIPS_MAX } from "../limits.ts";
import { isExternal, type ServerEntry, serverKey } from "../service/server.ts";
import {
  formatPortRange,
  formatServiceName,
  type PortRange,
  type Service,
  serviceKey,
  vipsOfService,
} from "../service/service.ts";
import { groupOf } from "./vip.ts";

/** Something that cannot be; key null: about the part as a whole. */
export interface DocumentProblem {
  readonly part: ChangedPart;
  readonly key: string | null;
  readonly problem: string;
}

/**
 * Everything that cannot be. Whether checks can work takes time to say, for their expressions are compiled: whoever knows
 * that they can leaves that out.
 */
export function documentProblems(
  document: Described,
  { checks = true }: { readonly checks?: boolean } = {},
): DocumentProblem[] {
  return [
    ...tooMany(document),
    ...vipProblems(document),
    ...serviceProblems(document, checks),
    ...sharedPorts(document),
    ...serverProblems(document),
  ];
}

function tooMany(document: Described): DocumentProblem[] {
  const servers = [...document.servers.values()].reduce((sum, entries) => sum + entries.size, 0);
  const counts = [
    ["services", document.services.size, SERVICES_MAX],
    ["servers", servers, SERVERS_MAX],
    ["vips", vipsOf(document).length, VIPS_MAX],
    ["drains", document.drains.size, DRAINS_MAX],
  ] as const;
  return counts.filter(([, count, max]) => count > max).map(([part, count, max]) => ({
    part,
    key: null,
    problem: `a cluster has at most ${max} ${
      part === "vips" ? "VIPs" : part
    }, and this makes ${count}`,
  }));
}

function vipProblems({ vips }: Described): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  for (const [key, entry] of vips) {
    const tell = (problem: string) => void problems.push({ part: "vips", key, problem });
    if (entry.label !== null && ipFamily(entry.address) === 6) {
      tell("only IPv4 addresses have labels");
    }
    if (new Set(entry.prefer).size < entry.prefer.length) tell("prefer: a node is named twice");
    const [first] = groupOf(entry.address, vips);
    const leader = vips.get(first);
    if (leader === undefined || leader === entry) continue;
    // They are always held by one node: who that is cannot be said twice.
    const same = leader.failbackS === entry.failbackS &&
      leader.prefer.join() === entry.prefer.join();
    if (!same) tell(`prefer and failback must be those of ${first}, which is in its group`);
  }
  return problems;
}

function serviceProblems(
  { services, vips, servers }: Described,
  checks: boolean,
): DocumentProblem[] {
  const machines = new Set<Ip>();
  for (const entries of servers.values()) {
    for (const entry of entries.values()) if (isExternal(entry)) machines.add(entry.target.address);
  }
  return [...services].flatMap(([key, service]): DocumentProblem[] => {
    const [first, ...rest] = vipsOfService(service);
    const together: readonly Ip[] = rest.length === 0 ? [] : groupOf(first, vips);
    const apart = rest.find((vip) => !together.includes(vip));
    const machine = vipsOfService(service).find((vip) => machines.has(vip));
    const problem = apart !== undefined
      ? `${first} and ${apart} are not in one group, so two nodes could hold them`
      : machine !== undefined
      ? `${machine} is the address of a real server`
      : checks
      ? impossibleCheck(service.check)
      : null;
    return problem === null ? [] : [{ part: "services", key, problem }];
  });
}

/** Packets that a mark service would take from another one. Two services that are found by endpoint share none. */
function sharedPorts({ services }: Described): DocumentProblem[] {
  const taken = new Map<Ip, { readonly service: Service; readonly range: PortRange }[]>();
  for (const service of services.values()) {
    for (const range of rangesOf(service)) {
      for (const vip of vipsOfService(service)) {
        const list = taken.get(vip) ?? [];
        if (list.length === 0) taken.set(vip, list);
        list.push({ service, range });
      }
    }
  }
  return [...services].flatMap(([key, service]): DocumentProblem[] => {
    if (service.protocol !== "fwm") return [];
    for (const vip of service.vips) {
      for (const range of service.ports) {
        const other = taken.get(vip)?.find((item) =>
          item.service !== service && overlaps(range, item.range)
        );
        if (other === undefined) continue;
        const problem = `${vip} ${formatPortRange(range)} is shared with ${
          formatServiceName(other.service)
        }, and a packet can have one service only`;
        return [{ part: "services", key, problem }];
      }
    }
    return [];
  });
}

function rangesOf(service: Service): readonly PortRange[] {
  if (service.protocol === "fwm") return service.ports;
  // One for every port takes what is left over.
  if (service.port === 0) return [];
  const { protocol, port } = service;
  return [{ protocol, first: port, last: port }];
}

function overlaps(a: PortRange, b: PortRange): boolean {
  return a.protocol === b.protocol && a.first <= b.last && b.first <= a.last;
}

function serverProblems(document: Described): DocumentProblem[] {
  const vips = new Set(vipsOf(document));
  return [...document.services.values()].flatMap((service) =>
    [...document.servers.get(serviceKey(service))?.values() ?? []].flatMap((entry) => {
      const problem = serverProblem(service, entry) ?? vipProblem(entry, vips);
      return problem === null ? [] : [{ part: "servers" as const, key: serverKey(entry), problem }];
    })
  );
}

function vipProblem(entry: ServerEntry, vips: ReadonlySet<Ip>): string | null {
  if (!isExternal(entry) || !vips.has(entry.target.address)) return null;
  return `${entry.target.address} is a VIP of this cluster`;
}
