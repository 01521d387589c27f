/**
 * A machine of the lab: a network namespace with a cable to the switch. Files and processes are shared
 * with the others, addresses, routes, sysctls, sockets and IPVS are its own.
 */
import { join } from "node:path";
import { LabProcess, type Outcome, run, runAnyway, type StartOptions } from "./process.ts";

/**
 * The networks of the lab, by name: the public one has the clients, the private one only the nodes and
 * their servers, and the outside one lies behind a router. IPv6 prefixes are those for documentation
 * (RFC 3849) and for local use (RFC 4193).
 */
export const networks = {
  public: { interface: "eth0", prefix: "192.168.6.", prefix6: "2001:db8:6::" },
  private: { interface: "eth1", prefix: "10.6.0.", prefix6: "fd00:6::" },
  outside: { interface: "eth2", prefix: "172.30.6.", prefix6: "2001:db8:66::" },
} as const;
/** See {@link networks}. */
export type Network = keyof typeof networks;
/** Version of the Internet Protocol. */
export type Family = "ipv4" | "ipv6";

/** The address with a number on a network; the decimal digits are read as hexadecimal in IPv6: 21 is ::21. */
export function addressIn(network: Network, number: number, family: Family = "ipv4"): string {
  const { prefix, prefix6 } = networks[network];
  return `${family === "ipv4" ? prefix : prefix6}${number}`;
}

/** What a machine is made of. */
export interface HostOptions {
  readonly name: string;
  /** Last byte of its addresses on every network. */
  readonly number: number;
  readonly networks: readonly Network[];
  /** Where its default routes lead, one address of each family at most; default: nowhere. */
  readonly gateways?: readonly string[];
  /** Whether it passes packets on between its networks; default: no. */
  readonly router?: boolean;
  /** Folder for logs. */
  readonly folder: string;
}

/** See the head of this file. */
export class Host {
  readonly name: string;
  readonly number: number;
  readonly networks: readonly Network[];
  readonly gateways: readonly string[];
  readonly router: boolean;
  readonly folder: string;
  #gone = false;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.number = options.number;
    this.networks = options.networks;
    this.gateways = options.gateways ?? [];
    this.router = options.router ?? false;
    this.folder = options.folder;
  }

  /** Says that its lab is gone: nothing runs here any more. */
  retire(): void {
    this.#gone = true;
  }

  /** Name of its namespace. Throws when its lab is gone: a scenario that ran out of time must not touch the next one's. */
  get namespace(): string {
    if (this.#gone) throw new Error(`use ${this.name}: its lab is gone`);
    return this.name;
  }

  /** Its IPv4 address on the first of its networks, which is the public one where it has that. */
  get address(): string {
    return this.addressOn(this.networks[0] ?? "public");
  }

  addressOn(network: Network, family: Family = "ipv4"): string {
    return addressIn(network, this.number, family);
  }

  /** Its link-layer address on a network: locally administered, ends with its number. */
  macOn(network: Network): string {
    const last = this.number.toString(16).padStart(2, "0");
    const order = Object.keys(networks).indexOf(network);
    return `02:00:00:00:0${order}:${last}`;
  }

  /** The command as it must be run to run on this machine. */
  command(command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.namespace, ...command];
  }

  /** Runs a short program here; throws when it fails. */
  run(...command: string[]): Promise<string> {
    return run(this.command(command));
  }

  /** Runs a short program here, whatever its status. */
  runAnyway(...command: string[]): Promise<Outcome> {
    return runAnyway(this.command(command));
  }

  /** Runs a shell script here; throws when one of its commands fails. */
  script(script: string): Promise<string> {
    return run(this.command(["bash", "-euo", "pipefail"]), script);
  }

  /** Starts a long program here; `label` names its log. The lab ends it if nobody else does. */
  start(
    command: readonly string[],
    options: Omit<StartOptions, "log"> & { readonly label: string },
  ): LabProcess {
    const { label, ...rest } = options;
    return LabProcess.start(this.command(command), {
      ...rest,
      log: join(this.folder, `${this.name}-${label}.log`),
    });
  }

  /** Whether one of its interfaces that others see (not lo, not the end of a tunnel) has the address now. */
  async has(address: string): Promise<boolean> {
    const listed = await run(["ip", "-n", this.namespace, "-o", "addr", "show", "to", address]);
    return listed.split("\n").some((line) => /^\d+: (?!(lo|tunl0|gre0|ip6tnl0)\b)/.test(line));
  }
}
