/**
 * Who has an address, as it happens: the kernel of each machine reports every change of its addresses
 * with the time (`ip monitor`), so that nothing is missed between two looks and looking costs nothing.
 */
import type { Host } from "./host.ts";
import { waitFor } from "./wait.ts";

const START_LIMIT_MS = 10_000;

/** A machine got an address, or lost it. */
export interface AddressChange {
  /** Wall clock, ms. */
  readonly at: number;
  readonly host: string;
  readonly has: boolean;
  /** Machines that have it after the change. */
  readonly holders: readonly string[];
}

/** Watches one address on interfaces other than lo. */
export class AddressWatch {
  readonly changes: AddressChange[] = [];
  readonly #address: string;
  readonly #holders = new Set<string>();

  private constructor(address: string) {
    this.#address = address;
  }

  /** Starts watching on all the machines; resolves when their present state is known. */
  static async start(address: string, hosts: readonly Host[]): Promise<AddressWatch> {
    const watch = new AddressWatch(address);
    for (const host of hosts) {
      // The monitor says nothing when it is ready; a change of an address nobody uses does.
      const probe = `127.255.0.${host.number}`;
      let ready = false;
      host.start(["ip", "-ts", "-o", "monitor", "address"], {
        label: "addresses",
        onLine: (line) => {
          ready ||= line.includes(probe);
          watch.#read(host.name, line);
        },
      });
      await waitFor(async () => {
        await host.runAnyway("ip", "addr", "replace", `${probe}/32`, "dev", "lo");
        await host.runAnyway("ip", "addr", "del", `${probe}/32`, "dev", "lo");
        return ready;
      }, { what: `addresses of ${host.name} are watched`, limitMs: START_LIMIT_MS });
      if (await host.has(address)) watch.#set(host.name, { at: Date.now(), has: true });
    }
    return watch;
  }

  /** Names of the machines that have the address now. */
  get holders(): string[] {
    return [...this.#holders].toSorted();
  }

  /**
   * How long after `sinceMs` (wall clock) it took until `host` was the only one with the address and
   * stayed so to this moment, ms; null when it is not so now.
   */
  settledAfterMs(host: string, sinceMs: number): number | null {
    if (this.holders.join() !== host) return null;
    const last = this.changes.filter((change) => change.at >= sinceMs).at(-1);
    return last === undefined ? 0 : last.at - sinceMs;
  }

  #read(host: string, line: string): void {
    const match = /^\[([^\]]+)\]\s*(Deleted )?\d+: (\S+)\s+inet6? ([^/\s]+)/.exec(line);
    if (match === null || match[4] !== this.#address || match[3] === "lo") return;
    // A time without zone, to the microsecond; the lab's clock is UTC or the machine's own, and so is Date.
    const at = Date.parse((match[1] ?? "").replace(/(\.\d{3})\d*$/, "$1"));
    this.#set(host, { at, has: match[2] === undefined });
  }

  #set(host: string, { at, has }: { readonly at: number; readonly has: boolean }): void {
    // Renewing a lease is reported as the address being added again.
    if (this.#holders.has(host) === has) return;
    if (has) this.#holders.add(host);
    else this.#holders.delete(host);
    this.changes.push({ at, host, has, holders: this.holders });
  }
}
