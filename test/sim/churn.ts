/**
 * A cluster that is never left in peace: agents end and start again, web servers fail, VIPs, services, servers and
 * maintenance come and go, each under a name that was not used for long. At the end of each day everything is as it was
 * in its beginning, and so must be what the agents keep in mind.
 *
 * Things happen seconds apart; a day passes all the same, for the wall clock runs so much faster.
 */
import type { Edit } from "../../src/core/document/document.ts";
import { drainKey } from "../../src/core/document/drain.ts";
import { serverKey } from "../../src/core/service/server.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import { drain, serverEntry, service, vipEntry } from "../support/cluster_views.ts";
import { SimCluster } from "./cluster.ts";
import type { SimNode } from "./sim_node.ts";
import { World } from "./world.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Time one happening takes, virtual ms: a takeover and what follows from it. */
const HAPPENING_MS = 4_000;
/** Time until nothing of the day is left, virtual ms: lingering, slow beats, a document exchange. */
const CALM_MS = 15_000;

/** See the head of this file. Node n3 is never restarted: what grows, grows there. */
export class Churn {
  readonly cluster: SimCluster;
  readonly #world: World;
  /** So many happenings a day. */
  readonly #perDay: number;
  #happenings = 0;
  days = 0;

  private constructor(perDay: number, seed: number) {
    this.#world = new World(seed);
    this.#perDay = perDay;
    this.cluster = new SimCluster(this.#world, [{ priority: 110 }, {}, {}]);
  }

  /** Starts a cluster of three with one service; resolves when it is calm. */
  static async start(perDay: number, seed = 1): Promise<Churn> {
    const churn = new Churn(perDay, seed);
    churn.cluster.start();
    await churn.#pass(CALM_MS);
    await churn.#edit([{ kind: "putService", service: service() }]);
    await churn.#pass(CALM_MS);
    return churn;
  }

  /** Lets a day pass, and what it leaves behind. */
  async day(): Promise<void> {
    const restMs = DAY_MS / this.#perDay - HAPPENING_MS;
    for (let count = 0; count < this.#perDay; count++) {
      const undo = await this.#happen(this.#happenings++);
      await this.#pass(HAPPENING_MS / 2);
      await undo();
      await this.#pass(HAPPENING_MS / 2);
      // The rest of the interval: nothing happens in it but that it is later.
      for (const { clock } of this.cluster.nodes) clock.wallErrorMs += restMs;
    }
    await this.#pass(CALM_MS);
    this.days++;
    // What only the simulator keeps.
    this.cluster.log.length = 0;
    for (const node of this.cluster.nodes) node.announcements = [];
  }

  /** Entries every agent keeps in mind, by node and collection. */
  sizes(): Record<string, number> {
    return Object.fromEntries(
      this.cluster.nodes.flatMap(({ name, agent }) =>
        Object.entries(agent?.sizes() ?? {}).map(([what, size]) => [`${name} ${what}`, size])
      ),
    );
  }

  async #pass(ms: number): Promise<void> {
    await this.#world.run(ms);
  }

  async #edit(edits: readonly Edit[]): Promise<void> {
    await this.cluster.nodes[2]!.store.edit(edits);
  }

  /** Something happens; what undoes it. */
  async #happen(number: number): Promise<() => Promise<void>> {
    const { cluster } = this;
    const other = cluster.nodes[number % 2]!;
    switch (number % 8) {
      case 0:
        cluster.kill(other.name);
        return async () => cluster.start([other.name]);
      case 1:
        cluster.crash(other.name);
        return async () => {
          cluster.boot(other.name);
          cluster.start([other.name]);
        };
      case 2:
        return await this.#swap(fresh(number));
      case 3:
        other.serving = false;
        return async () => void (other.serving = true);
      case 4:
        return await this.#swap(freshServer(number));
      case 5:
        return await this.#swap(freshDrain(number, other));
      case 6:
        cluster.isolate(other.name);
        return async () => cluster.heal(other.name);
      default:
        return await this.#swap(freshVip(number));
    }
  }

  async #swap({ made, gone }: Swap): Promise<() => Promise<void>> {
    await this.#edit(made);
    return () => this.#edit(gone);
  }
}

interface Swap {
  readonly made: readonly Edit[];
  readonly gone: readonly Edit[];
}

/** An address of the LAN that was not used for long, and is neither a node nor the VIP that stays. */
function freshAddress(number: number): string {
  return `10.0.0.${110 + number % 140}`;
}

/** A service with a VIP of its own. */
function fresh(number: number): Swap {
  const made = service({ address: freshAddress(number), port: 80 });
  return {
    made: [{ kind: "putService", service: made }],
    gone: [{ kind: "removeService", key: serviceKey(made) }],
  };
}

/** A server without an agent. */
function freshServer(number: number): Swap {
  const entry = serverEntry({ address: freshAddress(number), port: 80 });
  return {
    made: [{ kind: "putServer", server: entry }],
    gone: [{ kind: "removeServer", key: serverKey(entry) }],
  };
}

/** Maintenance of a service of its own on a node. */
function freshDrain(number: number, node: SimNode): Swap {
  const order = drain({ node: node.id }, { comment: `maintenance ${number}` });
  return {
    made: [{ kind: "putDrain", drain: order }],
    gone: [{ kind: "removeDrain", key: drainKey(order) }],
  };
}

/** A VIP without a service. */
function freshVip(number: number): Swap {
  const vip = vipEntry({ address: freshAddress(number) });
  return { made: [{ kind: "putVip", vip }], gone: [{ kind: "removeVip", address: vip.address }] };
}
