/**
 * Makes addresses, switches and announcements what the state wants. Everything here is synchronous and
 * short, because takeover waits for it: switch IPVS on, add the address, announce it.
 */
import type { Ip } from "../core/address.ts";
import { hostPrefixLength } from "../core/address.ts";
import { type DesiredAddress, desiredAddresses } from "../core/desired/desired.ts";
import { desiredSwitches } from "../core/desired/desired_switches.ts";
import { mayHaveLost } from "../core/cluster/liveness.ts";
import { placeVip } from "../core/cluster/placement.ts";
import type { Placement, State } from "../core/state.ts";
import { isTunnelDevice, LOOPBACK, tunnelEnds } from "../core/desired/receiving.ts";
import type { Fact } from "../core/step.ts";
import { asksDue } from "../core/tick.ts";
import { announcementsDue } from "../core/cluster/announcements.ts";
import { CLOCK_GAP_MS, LEASE_S, NETWORK_MS, RENEW_MS, WITNESS_ASK_MS } from "../core/timing.ts";
import type {
  Addresses,
  Clock,
  KernelAddress,
  KernelLink,
  Neighbours,
  SavedSwitches,
  Sysctl,
  TunnelDevices,
} from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

/** How often switches that are as wanted are read again, ms. */
const SWITCHES_MS = 1_000;

/** What the lane needs. */
export interface NetworkLaneOptions {
  readonly addresses: Addresses;
  readonly sysctl: Sysctl;
  readonly tunnels: TunnelDevices;
  readonly neighbours: Neighbours;
  readonly troubles: KernelTroubles;
  readonly clock: Pick<Clock, "now">;
  /** Tells what is done back to the state. */
  readonly tell: (fact: Fact) => void;
  /** Values of switches before troop changed them; kept so that leaving restores them. */
  readonly savedSwitches: SavedSwitches;
  /** VIPs an earlier run of this agent had: their services may have been removed since. */
  readonly formerVips: Iterable<Ip>;
}

/** See the head of this file. */
export class NetworkLane {
  readonly #options: NetworkLaneOptions;
  #addresses: readonly KernelAddress[] = [];
  #links: readonly KernelLink[] = [];
  #lookedMs = -Infinity;
  #switches = "";
  #switchesMs = -Infinity;
  /** Of the table: whatever switches follow from is part of it. */
  #switchesVersion = -1;
  /** Switches to be set as soon as what they were is on disk. */
  #unsaved: readonly string[] = [];
  /** ARP for addresses on `lo` could not be silenced. */
  #loud = false;
  #tunnels = "";
  #tunnelsMs = -Infinity;
  /** VIPs that are or were in the document: their leftovers are troop's to remove. */
  readonly #ledger: Set<Ip>;

  constructor(options: NetworkLaneOptions) {
    this.#options = options;
    this.#ledger = new Set(options.formerVips);
  }

  /** The addresses last seen, for validation of what operators enter. */
  get addresses(): readonly KernelAddress[] {
    return this.#addresses;
  }

  /** The interfaces last seen. */
  get links(): readonly KernelLink[] {
    return this.#links;
  }

  /** Looks at addresses and links if it is time, or at once with `force`. */
  observe(state: State, now: number, force = false): void {
    // Who asks the LAN whether anybody answers must know that its own cable is in.
    const periodMs = state.witnesses.size > 0 ? WITNESS_ASK_MS : NETWORK_MS;
    if (!force && now - this.#lookedMs < periodMs) return;
    const { addresses, troubles } = this.#options;
    const done = troubles.attempt("list addresses", () => {
      this.#addresses = addresses.listAddresses();
      this.#links = addresses.listLinks();
    });
    if (done) this.#lookedMs = now;
    if (done) this.#forget(state);
    this.place(state);
  }

  /** VIPs that are gone, from the document and from this machine: whoever adds such an address now is not troop. */
  #forget(state: State): void {
    for (const vip of this.#ledger) {
      if (state.vips.includes(vip) || this.#addresses.some(({ address }) => address === vip)) {
        continue;
      }
      this.#ledger.delete(vip);
    }
  }

  /** How many VIPs it keeps in mind. */
  get remembered(): number {
    return this.#ledger.size;
  }

  /** Tells where every VIP of the document belongs. */
  place(state: State): void {
    const network = { links: this.#links, addresses: this.#addresses, paths: state.self.paths };
    const placements = new Map<Ip, Placement>();
    for (const vip of state.vips) {
      this.#ledger.add(vip);
      const wanted = state.document.vips.get(vip)?.interface ?? null;
      placements.set(vip, placeVip(vip, network, wanted));
    }
    this.#options.tell({ kind: "placements", placements });
  }

  /** VIPs that an earlier run left on a LAN interface, with the time their lifetime still lasts. */
  leftovers(vips: readonly Ip[]): { vip: Ip; remainingMs: number }[] {
    return this.#addresses
      .filter((item) => vips.includes(item.address) && isLan(item.interface) && isHost(item))
      .map((item) => ({ vip: item.address, remainingMs: (item.validSeconds ?? 0) * 1_000 }));
  }

  /** Makes it so. Order matters: silence ARP before a VIP is on `lo`, switch IPVS on before packets come. */
  apply(state: State, now: number): void {
    this.#applyTunnels(state, now);
    this.#applySwitches(state, now);
    this.#applyAddresses(state, now);
    this.#announce(state, now);
    this.#ask(state, now);
  }

  /** Before the switches: a tunnel's device has some of its own. */
  #applyTunnels(state: State, now: number): void {
    const { tunnels, troubles } = this.#options;
    const ends = tunnelEnds(state);
    const fingerprint = JSON.stringify(ends);
    if (fingerprint === this.#tunnels && now - this.#tunnelsMs < SWITCHES_MS) return;
    this.#tunnels = fingerprint;
    this.#tunnelsMs = now;
    for (const name of ends.devices) {
      troubles.attempt(`set up tunnel ${name}`, () => tunnels.ensure(name));
    }
    for (const { port, family } of ends.guePorts) {
      troubles.attempt(`take GUE on UDP port ${port}`, () => tunnels.listen(port, family));
    }
  }

  #applySwitches(state: State, now: number): void {
    const { sysctl, troubles, savedSwitches } = this.#options;
    const isFresh = now - this.#switchesMs < SWITCHES_MS &&
      !this.#unsaved.some((name) => savedSwitches.has(name));
    if (this.#switchesVersion === state.tableVersion && isFresh) return;
    this.#switchesVersion = state.tableVersion;
    const wanted = desiredSwitches(state);
    const fingerprint = JSON.stringify(wanted);
    if (fingerprint === this.#switches && isFresh) return;
    this.#switches = fingerprint;
    this.#switchesMs = now;
    this.#loud = false;
    const unsaved: [string, string][] = [];
    for (const item of wanted) {
      const done = troubles.attempt(`set switch ${item.name}`, () => {
        const current = sysctl.read(item.name);
        if (current === null) {
          throw new Error(`set switch ${item.name}: the kernel does not have it`);
        }
        if (item.from !== undefined && current !== item.from) return;
        if (current === item.value || (item.atLeast && Number(current) >= Number(item.value))) {
          return;
        }
        if (savedSwitches.has(item.name)) sysctl.write(item.name, item.value);
        else unsaved.push([item.name, current]);
      });
      const waits = unsaved.at(-1)?.[0] === item.name;
      if ((!done || waits) && item.name.endsWith(".arp_ignore")) this.#loud = true;
    }
    this.#unsaved = unsaved.map(([name]) => name);
    if (unsaved.length === 0) return;
    savedSwitches.save(unsaved).then(
      () => troubles.note("remember switches", null),
      (error) => troubles.note("remember switches", error),
    );
  }

  #applyAddresses(state: State, now: number): void {
    const wanted = desiredAddresses(state);
    const isWanted = (item: KernelAddress) => wanted.some((want) => sameAddress(want, item));
    for (const item of this.#addresses) {
      if (
        this.#ledger.has(item.address) && isHost(item) && !isWanted(item)
      ) {
        this.#remove(item);
      }
    }
    for (const want of wanted) this.#put(state, want, now);
  }

  #remove(item: KernelAddress): void {
    const { addresses, troubles } = this.#options;
    const done = troubles.attempt(
      `remove address ${item.address} from ${item.interface}`,
      () => addresses.remove(item),
    );
    if (done) this.#addresses = this.#addresses.filter((other) => other !== item);
  }

  #put(state: State, want: DesiredAddress, now: number): void {
    const { addresses, troubles, tell } = this.#options;
    const present = this.#addresses.find((item) => sameAddress(want, item));
    const hold = state.holds.get(want.address);
    const leased = want.leaseS !== null && hold !== undefined;
    // A starting node has heard nobody yet: another may hold what was left to it, so the lease runs on.
    if (leased && state.phase === "starting") return;
    // What went in a pause may be another's by now: who took it is heard first.
    const isUnsure = leased && mayHaveLost(state, hold, now);
    if (present === undefined && isUnsure) return;
    // The kernel never changes the label of an address that is there: it has to go and come back.
    const relabelled = present !== undefined && (present.label ?? null) !== want.label;
    if (relabelled) this.#remove(present);
    // Whoever gave it a longer lifetime, or none, would have it outlive this agent.
    const outlives = present !== undefined && leased && lifetimeS(present) > LEASE_S;
    const due = relabelled || outlives || (leased && now - hold.renewedMs >= RENEW_MS);
    if (present !== undefined && !due) return;
    // Two machines would answer for the VIP.
    if (this.#loud && want.interface === LOOPBACK) return;
    // Stopped since it was decided (SIGSTOP, a starved processor): it may be another's by now. The next turn decides anew.
    if (leased && this.#options.clock.now() - now >= CLOCK_GAP_MS) return;
    const made: KernelAddress = {
      address: want.address,
      prefixLength: want.prefixLength,
      interface: want.interface,
      validSeconds: want.leaseS,
      label: want.label,
    };
    let refusal = "";
    const done = troubles.attempt(`add address ${want.address} to ${want.interface}`, () => {
      try {
        addresses.put(made);
      } catch (error) {
        refusal = (error as Error).message;
        throw error;
      }
    });
    if (!done) {
      // Who cannot have the address must not claim it: another node may be able to.
      if (leased && present === undefined) {
        tell({ kind: "refused", vip: want.address, reason: refusal });
      }
      return;
    }
    this.#addresses = [...this.#addresses.filter((item) => item !== present), made];
    if (!leased) return;
    tell({ kind: "renewed", vip: want.address });
    if (present === undefined && hold.announcedMs > -Infinity) {
      tell({ kind: "restored", vip: want.address });
    }
  }

  #announce(state: State, now: number): void {
    const { neighbours, troubles, tell } = this.#options;
    for (const vip of announcementsDue(state, now)) {
      const place = state.placements.get(vip)?.interface ?? null;
      if (place === null || !this.#isOn(vip, place)) continue;
      const done = troubles.attempt(
        `announce VIP ${vip} on ${place}`,
        () => neighbours.announce(vip, place),
      );
      if (done) tell({ kind: "announced", vip });
    }
  }

  /** Whether the VIP is on the interface: who announces what is not there takes it from who has it. */
  #isOn(vip: Ip, name: string): boolean {
    return this.#addresses.some((item) =>
      item.address === vip && item.interface === name && isHost(item)
    );
  }

  #ask(state: State, now: number): void {
    const { neighbours, troubles, tell } = this.#options;
    for (const vip of asksDue(state, now)) {
      const place = state.placements.get(vip)?.interface ?? null;
      if (place === null) continue;
      const done = troubles.attempt(
        `ask for VIP ${vip} on ${place}`,
        () => neighbours.ask(vip, place),
      );
      if (done) tell({ kind: "asked", vip });
    }
  }

  /** Undoes everything: VIPs off every interface, switches as they were. For a node that leaves for good. */
  async restore(): Promise<void> {
    const { sysctl, troubles, savedSwitches } = this.#options;
    for (const item of this.#addresses) {
      if (this.#ledger.has(item.address) && isHost(item)) this.#remove(item);
    }
    for (const [name, value] of savedSwitches.entries()) {
      troubles.attempt(`restore switch ${name}`, () => sysctl.write(name, value));
    }
    troubles.attempt("take down tunnels", () => this.#options.tunnels.restore());
    await savedSwitches.clear().catch((error) => troubles.note("forget switches", error));
  }
}

/** Whether an address there is seen by others: not on `lo`, not at the end of a tunnel. */
function isLan(name: string): boolean {
  return name !== LOOPBACK && !isTunnelDevice(name);
}

/** How long the address stays unless it is renewed, s; Infinity: for ever. */
function lifetimeS({ validSeconds }: KernelAddress): number {
  return validSeconds ?? Infinity;
}

function isHost(item: KernelAddress): boolean {
  return item.prefixLength === hostPrefixLength(item.address);
}

function sameAddress(
  want: Pick<DesiredAddress, "address" | "interface" | "prefixLength">,
  item: KernelAddress,
): boolean {
  return want.address === item.address && want.interface === item.interface &&
    want.prefixLength === item.prefixLength;
}
