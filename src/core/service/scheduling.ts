/**
 * How connections are spread over the servers of a service, and what keeps a client with its server.
 */
import { z } from "zod";

/** Schedulers of the Linux kernel (net/netfilter/ipvs/Kconfig). Whether a module is there, only the kernel can say. */
export const schedulers = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "fo",
  "ovf",
  "lblc",
  "lblcr",
  "dh",
  "sh",
  "mh",
  "sed",
  "nq",
  "twos",
] as const;
/** See {@link schedulers}. */
export type Scheduler = (typeof schedulers)[number];

/** Flags a scheduler can have, as the kernel numbers them (IP_VS_SVC_F_SCHED1 to 3, linux/ip_vs.h). */
export const schedulerFlags = ["flag-1", "flag-2", "flag-3"] as const;
/** See {@link schedulerFlags}. */
export type SchedulerFlag = (typeof schedulerFlags)[number];

/**
 * Names of the flags of the schedulers that have some (ipvsadm(8), -b): `fallback` takes the next server when the chosen
 * one gets nothing, `port` makes the client's port part of the hash.
 */
const flagNames: Partial<Record<Scheduler, readonly [SchedulerFlag, string][]>> = {
  sh: [["flag-1", "sh-fallback"], ["flag-2", "sh-port"]],
  mh: [["flag-1", "mh-fallback"], ["flag-2", "mh-port"]],
};

/** Names a scheduler's flags have, for help and refusals; empty when it has none. */
export function flagNamesOf(scheduler: Scheduler): string[] {
  return (flagNames[scheduler] ?? []).map(([, name]) => name);
}

/** Reads a flag of a scheduler, by its name or number; undefined when this scheduler has no such flag. */
export function parseSchedulerFlag(scheduler: Scheduler, text: string): SchedulerFlag | undefined {
  return flagNames[scheduler]?.find(([flag, name]) => text === name || text === flag)?.[0];
}

/** Writes a flag as ipvsadm does. */
export function formatSchedulerFlag(scheduler: string, flag: SchedulerFlag): string {
  return flagNames[scheduler as Scheduler]?.find(([known]) => known === flag)?.[1] ?? flag;
}

/** Schedulers that choose by a hash of the packet: the same on every node, whatever came before. */
export const hashSchedulers: ReadonlySet<Scheduler> = new Set(["sh", "mh", "dh"]);

/** Longest persistence, s: 31 days, the most the kernel takes (IP_VS_SVC_TIMEOUT limits, ip_vs_ctl.c: MAX_JIFFY / HZ). */
export const PERSISTENCE_S_MAX = 31 * 86_400;
/** Persistence where no time is named, s, as in ipvsadm and keepalived. */
export const PERSISTENCE_S_DEFAULT = 360;

/** Persistence engines of the kernel: `sip` keeps the calls of one Call-ID together (ip_vs_pe_sip.c). */
export const persistenceEngines = ["sip"] as const;

/** What keeps a client with its server. */
export const persistenceSchema = z.strictObject({
  /** Time after the last connection for which the server stays the same, s. */
  timeoutS: z.int().min(1).max(PERSISTENCE_S_MAX),
  /** Clients whose addresses agree in so many leading bits are one client; null: every address is its own. */
  prefixLength: z.int().min(1).max(128).nullable().default(null),
  engine: z.enum(persistenceEngines).nullable().default(null),
});
/** See {@link persistenceSchema}. */
export type Persistence = z.infer<typeof persistenceSchema>;

const { shape } = persistenceSchema;
/** Some parts of it, without defaults: what is not named stays as it is. */
export const persistenceChangeSchema = z.strictObject({
  timeoutS: shape.timeoutS,
  prefixLength: shape.prefixLength.unwrap(),
  engine: shape.engine.unwrap(),
}).partial();
