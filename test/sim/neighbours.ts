/**
 * What the machines on the LAN believe about where a VIP is: their ARP caches. Beside every node there is one such
 * machine, a client, that hears what the node hears, and the node itself.
 */
import type { Ip } from "../../src/core/address.ts";

/** Time for which an entry stays as it is, whatever is announced, ms: arp(7), locktime. */
export const LOCKTIME_MS = 1_000;

interface Entry {
  readonly at: string;
  readonly atMs: number;
}

/** See the head of this file. Nodes are told by name. */
export class Neighbours {
  /** By VIP and the node beside which the machine is. */
  readonly #entries = new Map<string, Entry>();

  /** The machine beside a node hears at this moment where the VIP is. */
  hear(beside: string, { vip, at, nowMs }: { vip: Ip; at: string; nowMs: number }): void {
    const key = `${vip} ${beside}`;
    const before = this.#entries.get(key);
    if (before !== undefined && before.at !== at && nowMs - before.atMs < LOCKTIME_MS) return;
    this.#entries.set(key, { at, atMs: nowMs });
  }

  /** Where the machine beside a node sends what is for the VIP; undefined when it has to ask first. */
  whereIs(vip: Ip, beside: string): string | undefined {
    return this.#entries.get(`${vip} ${beside}`)?.at;
  }
}
