/**
 * What operators say about one VIP beside its services: where it belongs, who should hold it, and which
 * addresses move together.
 */
import { z } from "zod";
import type { Ip } from "../address.ts";
import { INTERFACE_LENGTH_MAX, NAME_LENGTH_MAX, NODES_MAX } from "../limits.ts";
import { nodeIdSchema } from "../node_id.ts";
import { vipSchema } from "../service/service.ts";

/** Shortest and longest wait before a VIP goes back to the node that should have it, s. */
export const FAILBACK_S_MAX = 86_400;
/**
 * Wait where none is named, s: a node that comes back is sent every live connection within one refresh
 * period of the sync daemon (10 s), and the buffers' flush time.
 */
export const FAILBACK_S_DEFAULT = 30;

/** An entry of the document. */
export const vipEntrySchema = z.strictObject({
  address: vipSchema,
  /** Interface by name, the same on every node; null: the one whose network contains the VIP. */
  interface: z.string().min(1).max(INTERFACE_LENGTH_MAX).nullable().default(null),
  /** What stands behind the interface's name and a colon in the address's label (`eth0:1`); null: no label. IPv4 only. */
  label: z.string().min(1).max(INTERFACE_LENGTH_MAX - 2).regex(/^[A-Za-z0-9_.-]+$/).nullable()
    .default(null),
  /** VIPs with the same group are always held by one node; null: alone. */
  group: z.string().min(1).max(NAME_LENGTH_MAX).regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/).nullable()
    .default(null),
  /** Nodes that should hold it, best first. All others come after them. */
  prefer: z.array(nodeIdSchema).max(NODES_MAX).default([]),
  /** Seconds after which the VIP goes back to a node that is preferred; null: it stays where it is. */
  failbackS: z.int().min(0).max(FAILBACK_S_MAX).nullable().default(null),
});
/** See {@link vipEntrySchema}. */
export type VipEntry = z.infer<typeof vipEntrySchema>;

/** The entry of a VIP of which nobody said anything. */
export function plainVip(address: Ip): VipEntry {
  return vipEntrySchema.parse({ address });
}

/** VIPs and what is said of them, as far as grouping needs it. */
type Entries = ReadonlyMap<Ip, VipEntry>;

/** VIPs that are held together, the leading one first. */
type Together = readonly [Ip, ...Ip[]];

/** The groups of a document, by name. Kept with its entries, which never change: every decision about a VIP asks. */
const groupsKept = new WeakMap<Entries, ReadonlyMap<string, Together>>();

function groupsOf(entries: Entries): ReadonlyMap<string, Together> {
  const known = groupsKept.get(entries);
  if (known !== undefined) return known;
  const grouped = [...entries.values()].filter(({ group }) => group !== null);
  const groups = new Map(
    [...Map.groupBy(grouped, ({ group }) => group as string)].map(([name, members]) => [
      name,
      members.map(({ address }) => address).sort() as [Ip, ...Ip[]],
    ]),
  );
  groupsKept.set(entries, groups);
  return groups;
}

/** The VIPs that are held together with this one, itself included, the leading one first. */
export function groupOf(vip: Ip, entries: Entries): Together {
  const group = entries.get(vip)?.group ?? null;
  return group === null ? [vip] : groupsOf(entries).get(group) ?? [vip];
}

/** The VIP whose holder holds this one too: its own, or the first of its group. */
export function leaderOf(vip: Ip, entries: Entries): Ip {
  return groupOf(vip, entries)[0];
}
