/**
 * Random rows of the IPVS table, with everything there is a word for: all keys, schedulers, flags, kinds of
 * persistence, forwarding methods, tunnels, thresholds and weights.
 */
import fc from "fast-check";
import { formatEndpoint } from "../../src/core/address.ts";
import {
  type Forwarding,
  type Tunnel,
  tunnelChecksums,
  tunnelSchema,
} from "../../src/core/service/forwarding.ts";
import { WEIGHT_MAX } from "../../src/core/limits.ts";
import {
  type Persistence,
  PERSISTENCE_S_MAX,
  type Scheduler,
  schedulerFlags,
} from "../../src/core/service/scheduling.ts";
import { THRESHOLD_MAX } from "../../src/core/service/service.ts";
import {
  type MarkName,
  protocols,
  serviceFamily,
  serviceKey,
  type ServiceName,
} from "../../src/core/service/service_name.ts";
import type { ObservedService, TableServer, TableService } from "../../src/core/table/table.ts";

/** Schedulers of the lab's kernel: all but `twos`. */
export const labSchedulers: readonly Scheduler[] = [
  ...["rr", "wrr", "lc", "wlc", "fo", "ovf", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq"],
] as Scheduler[];

/** Largest mark ipvsadm prints as it is: it takes marks for signed numbers. */
export const MARK_SIGNED_MAX = 0x7fff_ffff;

const port = fc.nat(65_535);
/**
 * Few hosts and far apart: keys meet, and orders differ by more than the last byte. Their first words lie within 2^31
 * of each other, counted round the circle; ipvsadm's order is none where they do not.
 */
const host4 = fc.constantFrom("10.1.0.1", "10.1.0.2", "172.16.0.9", "192.0.2.200", "203.0.113.77");
const host6 = fc.constantFrom("2001:db8::1", "2001:db8::2", "2001:db8:ffff::1:0", "fd00::77");

const endpointName: fc.Arbitrary<ServiceName> = fc.record({
  protocol: fc.constantFrom(...protocols),
  address: fc.oneof(host4, host6),
  port: fc.oneof(fc.constantFrom(0, 53, 80, 443), port),
});

const markName: fc.Arbitrary<MarkName> = fc.record({
  protocol: fc.constant("fwm" as const),
  family: fc.constantFrom(4 as const, 6 as const),
  mark: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: MARK_SIGNED_MAX })),
});

const tunnel: fc.Arbitrary<Tunnel> = fc.record({
  kind: fc.constantFrom("ipip" as const, "gue" as const, "gre" as const),
  port: fc.constantFrom(0, 6_080, 65_535),
  checksum: fc.constantFrom(...tunnelChecksums),
}).filter((drawn) => tunnelSchema.safeParse(drawn).success);

/** A server a service of this family can have; only a tunnel leads to the other one. */
function serverOf(family: 4 | 6): fc.Arbitrary<TableServer> {
  const forwarding = fc.constantFrom<Forwarding>("dr", "nat", "tunnel");
  const own = family === 4 ? host4 : host6;
  return forwarding.chain((method) =>
    fc.record({
      address: method === "tunnel" ? fc.oneof(host4, host6) : own,
      port,
      weight: fc.oneof(fc.constantFrom(0, 1, WEIGHT_MAX), fc.nat(WEIGHT_MAX)),
      forwarding: fc.constant(method),
      tunnel: method === "tunnel" ? tunnel : fc.constant(null),
      limits: fc.tuple(fc.nat(THRESHOLD_MAX), fc.nat(THRESHOLD_MAX)),
    })
  ).map(({ limits, ...server }) => ({
    ...server,
    upper: Math.max(...limits),
    lower: Math.min(...limits),
  }));
}

function persistenceOf(family: 4 | 6): fc.Arbitrary<Persistence> {
  return fc.record({
    timeoutS: fc.integer({ min: 1, max: PERSISTENCE_S_MAX }),
    prefixLength: fc.option(fc.integer({ min: 1, max: family === 4 ? 32 : 128 })),
    engine: fc.option(fc.constant("sip" as const)),
  });
}

function rowOf(name: ServiceName): fc.Arbitrary<TableService> {
  const family = serviceFamily(name);
  return fc.record({
    scheduler: fc.constantFrom(...labSchedulers),
    flags: fc.subarray([...schedulerFlags]),
    onePacket: fc.boolean(),
    persistence: fc.option(persistenceOf(family)),
    servers: fc.uniqueArray(serverOf(family), { maxLength: 5, selector: formatEndpoint }),
  }).map(({ flags, ...settings }) => ({
    ...name,
    ...settings,
    // The third flag means nothing to sh and mh, and ipvsadm does not print it there.
    flags: flags.filter((flag) => flag !== "flag-3" || !/^[sm]h$/.test(settings.scheduler)),
  }));
}

/** A table of some rows, each key once. */
export const arbitraryTable: fc.Arbitrary<TableService[]> = fc.uniqueArray(
  fc.oneof({ weight: 3, arbitrary: endpointName }, { weight: 2, arbitrary: markName }),
  { maxLength: 8, selector: serviceKey },
).chain((names) => fc.tuple(...names.map(rowOf)));

/** A row as it is compared: one way to say "every client by itself", servers in one order. */
export function comparable(row: TableService | ObservedService): unknown {
  const { persistence } = row;
  const bits = serviceFamily(row) === 4 ? 32 : 128;
  return {
    key: serviceKey(row),
    scheduler: row.scheduler,
    flags: row.flags,
    onePacket: row.onePacket,
    persistence: persistence === null
      ? null
      : { ...persistence, prefixLength: persistence.prefixLength ?? bits },
    servers: row.servers.map((server) => ({
      at: formatEndpoint(server),
      weight: server.weight,
      forwarding: server.forwarding,
      tunnel: server.tunnel,
      upper: server.upper,
      lower: server.lower,
    })).toSorted((a, b) => a.at < b.at ? -1 : 1),
  };
}

/** A table as it is compared. */
export function comparableTable(rows: readonly (TableService | ObservedService)[]): unknown[] {
  return rows.toSorted((a, b) => serviceKey(a) < serviceKey(b) ? -1 : 1).map(comparable);
}
