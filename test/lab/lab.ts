/**
 * The lab: a switch and machines around it, on one kernel. The switch is a bridge per network in a
 * namespace of its own; faults are made there, so that a machine does not notice how it was cut off.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Host, type Network, networks } from "./host.ts";
import { run } from "./process.ts";

const SWITCH = "switch";
/** Whether this program has a lab: machines are named, so there is one at a time. */
let inUse = false;
const REPOSITORY = resolve(import.meta.dir, "../..");

/** A machine to build; networks default to the public one only. */
export interface HostPlan {
  readonly name: string;
  readonly number: number;
  readonly networks?: readonly Network[];
  /** Where its default routes lead; the address need not exist yet. */
  readonly gateways?: readonly string[];
  readonly router?: boolean;
}

/** How a cable fails: `silent` keeps the carrier (a dead switch far away), `carrier` takes it away. */
export type CutKind = "silent" | "carrier";

/** See the head of this file. Dispose of it, and all its processes and namespaces are gone. */
export class Lab implements AsyncDisposable {
  /** Logs and captures of this lab: `.cache/lab/NAME`. */
  readonly folder: string;
  /** A folder in memory for what the machines write: homes of agents, prefixes of web servers. */
  readonly scratch: string;
  /**
   * The switch itself, for captures: its interfaces `public`, `private` and `outside` see every frame of
   * a network, and {@link cableOf} those on one machine's cable.
   */
  readonly switch: Host;
  readonly #hosts: Map<string, Host>;

  private constructor(name: string, plans: readonly HostPlan[]) {
    this.folder = join(REPOSITORY, ".cache/lab", name);
    this.scratch = join("/run/lab", name);
    for (const folder of [this.folder, this.scratch]) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
    }
    this.switch = new Host({ name: SWITCH, number: 0, networks: [], folder: this.folder });
    this.#hosts = new Map(plans.map((plan) => [
      plan.name,
      new Host({ networks: ["public"], ...plan, folder: this.folder }),
    ]));
  }

  /** Builds the switch and the machines. One lab at a time: machines are named, not numbered. */
  static async create(name: string, plans: readonly HostPlan[]): Promise<Lab> {
    if (process.env["TROOP_LAB"] === undefined) {
      throw new Error("create lab: this is not the lab; run it by ./task test, demo or bench");
    }
    if (inUse) throw new Error("create lab: this program has another one");
    inUse = true;
    // Left behind by a program that was killed: the namespaces of this lab are nobody else's.
    if (existsSync(`/run/netns/${SWITCH}`)) await removeNamespaces(readdirSync("/run/netns"));
    const lab = new Lab(name, plans);
    try {
      await run(["bash", "-euo", "pipefail"], buildScript(lab.hosts));
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  get hosts(): Host[] {
    return [...this.#hosts.values()];
  }

  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`find host: the lab has no "${name}"`);
    return host;
  }

  /** Cuts a machine off the given networks (default: all it has). Nothing passes, either way. */
  async cut(
    host: Host,
    options: { networks?: readonly Network[]; kind?: CutKind } = {},
  ): Promise<void> {
    for (const port of ports(host, options.networks)) {
      // State 0 is BR_STATE_DISABLED (linux/if_bridge.h): the port drops all, its carrier stays.
      await (options.kind === "carrier"
        ? run(["ip", "-n", this.switch.namespace, "link", "set", port, "down"])
        : run(["bridge", "-n", this.switch.namespace, "link", "set", "dev", port, "state", "0"]));
    }
  }

  /** Undoes {@link cut}. */
  async heal(host: Host, options: { networks?: readonly Network[] } = {}): Promise<void> {
    for (const port of ports(host, options.networks)) {
      await run(["ip", "-n", this.switch.namespace, "link", "set", port, "up"]);
      await run(["bridge", "-n", this.switch.namespace, "link", "set", "dev", port, "state", "3"]);
    }
  }

  /**
   * Parts the switch in two, on all networks: these machines hear each other and nobody else. Nobody's carrier goes.
   */
  split(part: readonly Host[]): Promise<void> {
    return this.#plug(part, apartOf);
  }

  /** Undoes {@link split}. */
  unite(part: readonly Host[]): Promise<void> {
    return this.#plug(part, (network) => network);
  }

  async #plug(part: readonly Host[], bridgeOf: (network: Network) => string): Promise<void> {
    const lines = part.flatMap((host) =>
      host.networks.map((network) =>
        `link set ${cableOf(host, network)} master ${bridgeOf(network)}`
      )
    );
    await run(["ip", "-n", this.switch.namespace, "-batch", "-"], lines.join("\n"));
  }

  /** Worsens what a machine receives: netem arguments such as `loss 10%` or `delay 20ms`; null undoes it. */
  async worsen(host: Host, netem: string | null): Promise<void> {
    for (const port of ports(host)) {
      await run(["tc", "-n", this.switch.namespace, "qdisc", "del", "dev", port, "root"]).catch(
        () => {
          // There was none.
        },
      );
      if (netem === null) continue;
      const arguments_ = netem.split(" ");
      await run([
        "tc",
        "-n",
        this.switch.namespace,
        "qdisc",
        "add",
        "dev",
        port,
        "root",
        "netem",
        ...arguments_,
      ]);
    }
  }

  /** Ends all processes in the lab's namespaces and removes the namespaces, whatever has happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    const hosts = [this.switch, ...this.hosts];
    for (const host of hosts) host.retire();
    await removeNamespaces(hosts.map((host) => host.name));
    inUse = false;
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** The switch's end of a machine's cable to a network, by the name of the interface. */
export function cableOf(host: Host, network: Network = "public"): string {
  return `${host.name}-${network}`;
}

function ports(host: Host, wanted: readonly Network[] = host.networks): string[] {
  return wanted.map((network) => cableOf(host, network));
}

/** The bridge of those who are apart from the others of a network, see {@link Lab.split}. */
function apartOf(network: string): string {
  return `${network}-apart`;
}

/** One `ip -batch` for all: in the guest a process costs a tenth of a second, a line in a batch nothing. */
function buildScript(hosts: readonly Host[]): string {
  const cables = hosts.flatMap((host) =>
    host.networks.map((network) =>
      `link add ${cableOf(host, network)} netns ${SWITCH} type veth ` +
      `peer name ${networks[network].interface} netns ${host.name}`
    )
  );
  const namespaces = [SWITCH, ...hosts.map((host) => host.name)];
  return [
    batch([], namespaces.map((name) => `netns add ${name}`)),
    // Before the interfaces come, which take their switches from `default`.
    ...hosts.map(switchesScript),
    batch([], cables),
    batch(["-n", SWITCH], switchLines(hosts)),
    ...hosts.map(hostScript),
  ].join("\n");
}

function batch(options: readonly string[], lines: readonly string[]): string {
  return `ip ${options.join(" ")} -batch - <<END\n${lines.join("\n")}\nEND`;
}

function switchLines(hosts: readonly Host[]): string[] {
  const names = Object.keys(networks);
  const bridges = [...names, ...names.map(apartOf)].flatMap((bridge) => [
    `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${bridge} up`,
  ]);
  const members = hosts.flatMap((host) =>
    host.networks.map((network) => `link set ${cableOf(host, network)} master ${network} up`)
  );
  return [...bridges, ...members];
}

/**
 * rp_filter and promote_secondaries as Debian with systemd sets them. IPv6 waits for nobody: no router
 * is asked for, and the machine's own addresses are usable at once.
 */
function switchesScript(host: Host): string {
  const switches = {
    "ipv4/conf/all/rp_filter": 2,
    "ipv4/conf/default/rp_filter": 2,
    "ipv4/conf/all/promote_secondaries": 1,
    "ipv4/conf/default/promote_secondaries": 1,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/accept_ra": 0,
    ...(host.router ? { "ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1 } : {}),
  };
  const writes = Object.entries(switches).map(([name, value]) =>
    `echo ${value} >/proc/sys/net/${name}`
  );
  return `ip netns exec ${host.name} bash -euc '${writes.join("; ")}'`;
}

function hostScript(host: Host): string {
  const cables = host.networks.flatMap((network) => {
    const { interface: name } = networks[network];
    return [
      `link set ${name} address ${host.macOn(network)} up`,
      `addr add ${host.addressOn(network)}/24 brd + dev ${name}`,
      `addr add ${host.addressOn(network, "ipv6")}/64 dev ${name}`,
    ];
  });
  const routes = host.gateways.map((gateway) => `route add default via ${gateway}`);
  return batch(["-n", host.name], ["link set lo up", ...cables, ...routes]);
}

/** First all processes, then the namespaces: nobody sees the cables of the others vanish. */
async function removeNamespaces(names: readonly string[]): Promise<void> {
  const script = `
    for round in $(seq 20); do
      pids=$(for name in ${names.join(" ")}; do ip netns pids $name 2>/dev/null; done)
      [ -n "$pids" ] || break
      kill -9 $pids 2>/dev/null
      sleep 0.05
    done
    for name in ${names.join(" ")}; do ip netns del $name 2>/dev/null; done
    true`;
  await run(["bash", "-u"], script);
}
