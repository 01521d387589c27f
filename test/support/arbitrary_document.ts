/** Whole documents for properties: every field of every entry, as operators could have made them. */
import fc from "fast-check";
import { checkKinds } from "../../src/core/check.ts";
import { type ClusterDocument, EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { type Drain, drainKey, drainSchema } from "../../src/core/document/drain.ts";
import { failureActions } from "../../src/core/service/transition.ts";
import { quorumMeasures, whenAllFailChoices } from "../../src/core/service/fallback.ts";
import { schedulers } from "../../src/core/service/scheduling.ts";
import {
  memberPort,
  type Service,
  serviceKey,
  serviceSchema,
} from "../../src/core/service/service.ts";
import { type ServerEntry, serverEntrySchema, serverKey } from "../../src/core/service/server.ts";
import { settingNames, settingSpecs } from "../../src/core/document/settings.ts";
import { vipEntrySchema } from "../../src/core/document/vip.ts";
import { anyCheck } from "../core/check/any_check.ts";
import { addressOf, idOf } from "./cluster_views.ts";

/** Nodes that documents speak of, by index. */
export const NODES = [1, 2, 3];
/** The moment at which drains are looked at, ms since 1970. */
export const WALL_MS = Date.UTC(2026, 0, 2);

const vip = fc.constantFrom("10.0.0.100", "10.0.0.101", "2001:db8::100");
const node = fc.constantFrom(...NODES).map(idOf);
const count = fc.nat(9);
const method = fc.constantFrom<object>(
  { forwarding: "dr", tunnel: null },
  { forwarding: "nat", tunnel: null },
  { forwarding: "tunnel", tunnel: { kind: "ipip", port: 0, checksum: "none" } },
  { forwarding: "tunnel", tunnel: { kind: "gue", port: 6080, checksum: "csum" } },
);
const check = fc.constantFrom(...checkKinds).chain((kind) => anyCheck(kind));
const persistence = fc.option(fc.record({
  timeoutS: fc.constantFrom(1, 59, 360, 7_200),
  prefixLength: fc.constantFrom(null, 24),
  engine: fc.constant(null),
}));
const name = fc.oneof(
  fc.record({
    protocol: fc.constantFrom("tcp", "udp", "sctp"),
    address: vip,
    port: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    protocol: fc.constant("fwm"),
    family: fc.constantFrom(4, 6),
    mark: fc.integer({ min: 1, max: 3 }),
    vips: fc.uniqueArray(vip, { minLength: 1, maxLength: 2 }),
    ports: fc.array(
      fc.constantFrom(
        { protocol: "tcp", first: 80, last: 80 },
        { protocol: "udp", first: 5_000, last: 5_100 },
      ),
      { maxLength: 2 },
    ),
  }),
);

/** Services; those that cannot be are left out. */
const services = fc.array(
  fc.tuple(
    name,
    method,
    fc.record({
      scheduler: fc.constantFrom(...schedulers),
      flags: fc.constantFrom<string[]>([], ["flag-1"], ["flag-1", "flag-2"]),
      onePacket: fc.boolean(),
      persistence,
      serverPort: fc.constantFrom(null, null, 2_525),
      members: fc.boolean(),
      weight: count,
      upper: fc.constantFrom(0, 100),
      lower: fc.constantFrom(0, 50),
      fallback: fc.constantFrom<unknown>(
        null,
        "none",
        "sorry",
        { address: addressOf(9), port: 8_080, forwarding: "nat", tunnel: null },
      ),
      quorum: fc.integer({ min: 1, max: 3 }),
      hysteresis: count,
      quorumBy: fc.constantFrom(...quorumMeasures),
      whenAllFail: fc.constantFrom(...whenAllFailChoices),
      onFailure: fc.constantFrom(...failureActions),
      slowStartMs: fc.constantFrom(0, 1_000, 90_500),
      adaptWeights: fc.boolean(),
    }),
    check,
  ),
  { maxLength: 12 },
).map((all) =>
  all.flatMap(([key, how, settings, check]): Service[] => {
    const parsed = serviceSchema.safeParse({ ...key, ...settings, ...how, check });
    return parsed.success ? [parsed.data] : [];
  })
);

const limits = fc.record({
  weight: fc.option(count),
  forwarding: fc.constantFrom(null, "dr", "nat", "tunnel"),
  upper: fc.option(count),
  lower: fc.option(count),
});

function serversOf(service: Service): fc.Arbitrary<ServerEntry[]> {
  const target = fc.oneof(
    node.map((id) => ({ node: id })),
    fc.tuple(fc.integer({ min: 21, max: 23 }), fc.constantFrom(memberPort(service), 8_080))
      .map(([last, port]) => ({ address: addressOf(last), port })),
  );
  return fc.array(fc.tuple(target, limits), { maxLength: 4 }).map((all) =>
    all.map(([target, said]) =>
      serverEntrySchema.parse({
        ...said,
        target,
        service: serviceKey(service),
        tunnel: said.forwarding === "tunnel" ? { kind: "gre", port: 0, checksum: "none" } : null,
      })
    )
  );
}

const comment = fc.string({ unit: "grapheme", maxLength: 30 })
  .filter((text) => !/\p{Cc}/u.test(text));

function drainsOf(all: readonly Service[]): fc.Arbitrary<Drain[]> {
  const service = fc.constantFrom(null, ...all);
  return fc.array(
    service.chain((service) =>
      fc.record({
        service: fc.constant(service === null ? null : serviceKey(service)),
        target: fc.oneof(
          node.map((id) => ({ node: id })),
          fc.constantFrom(21, 22).map((last) => ({
            address: addressOf(last),
            port: service === null ? null : memberPort(service),
          })),
        ),
        on: fc.constant(true),
        comment,
        sinceMs: fc.nat(WALL_MS),
        untilMs: fc.constantFrom(null, WALL_MS + 1, WALL_MS + 86_400_000),
        keepVips: fc.boolean(),
      })
    ),
    { maxLength: 4 },
  ).map((drains) => drains.map((drain) => drainSchema.parse(drain)));
}

const vips = fc.uniqueArray(
  fc.record({
    address: vip,
    interface: fc.constantFrom(null, "eth1"),
    label: fc.constantFrom(null, "1", "a.b", "0x10", "on"),
    group: fc.constantFrom(null, "front", "7", "null"),
    prefer: fc.uniqueArray(node),
    failbackS: fc.constantFrom(null, 0, 30, 300),
  }),
  { selector: ({ address }) => address },
).map((all) => all.map((entry) => vipEntrySchema.parse(entry)));

const settings = fc.uniqueArray(
  fc.constantFrom(...settingNames),
).chain((names) =>
  fc.tuple(
    ...names.map((name) =>
      fc.constantFrom("1", "on", "off", "auto", "sorry", "224.0.0.9", "a line: of # text", "3")
        .map((text) => [name, settingSpecs[name].read(text)] as const)
    ),
  )
).map((pairs) =>
  pairs.flatMap(([name, text]) => text === undefined ? [] : [[name, text] as const])
);

/** Any document, without moves and nodes, which no file describes. */
export const anyDocument: fc.Arbitrary<ClusterDocument> = services.chain((all) =>
  fc.record({
    services: fc.constant(all),
    servers: fc.tuple(...all.map(serversOf)),
    drains: drainsOf(all),
    vips,
    settings,
  })
).map((parts) => {
  const services = sorted(parts.services.map((item) => [serviceKey(item), item]));
  const servers = sorted(
    parts.servers.flatMap((entries, index) => {
      const service = parts.services[index];
      if (service === undefined || services.get(serviceKey(service)) !== service) return [];
      const known = sorted(entries.map((entry) => [serverKey(entry), entry]));
      return known.size === 0 ? [] : [[serviceKey(service), known] as const];
    }),
  );
  return {
    ...EMPTY_DOCUMENT,
    services,
    servers,
    vips: sorted(parts.vips.map((entry) => [entry.address, entry])),
    settings: new Map(parts.settings),
    drains: sorted(parts.drains.map((drain) => [drainKey(drain), drain])),
  };
});

function sorted<Value>(entries: readonly (readonly [string, Value])[]): Map<string, Value> {
  return new Map(entries.toSorted(([a], [b]) => a < b ? -1 : 1));
}
