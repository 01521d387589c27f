/**
 * One running node: opens the real adapters, starts the agent, and closes everything in order at the end.
 */
import { Agent } from "./agent/agent.ts";
import { agentOperations } from "./agent/operations.ts";
import { type Endpoint, parseEndpoint, parseIp } from "./core/address.ts";
import { CLUSTER_PORT_DEFAULT, type Config } from "./core/config.ts";
import type { Home } from "./core/home.ts";
import type { Path } from "./core/record.ts";
import { Refusal } from "./core/refusal.ts";
import type { Self } from "./core/state.ts";
import { TICK_MS } from "./core/timing.ts";
import { adminApp } from "./http/admin.ts";
import { publicApp } from "./http/public.ts";
import { refuseSecondAgent, servePublic, serveSocket } from "./http/serve.ts";
import { type LoopDelay, loopDelay } from "./loop_delay.ts";
import { nodeCounters } from "./node_counters.ts";
import { openAgentMemory } from "./shell/agent_memory.ts";
import { openDocumentStore } from "./shell/document_store.ts";
import { openGossip } from "./shell/gossip.ts";
import { prepareHome } from "./shell/home.ts";
import { openIdentity } from "./shell/identity.ts";
import { type KernelPorts, openKernel } from "./shell/kernel.ts";
import type { Log } from "./shell/log.ts";
import { createProber } from "./shell/prober.ts";
import { openPulseSocket } from "./shell/pulse_socket.ts";
import { openStateFolder, type StateFolder } from "./shell/state_folder.ts";
import { VERSION } from "./version.ts";
import { forgetCluster } from "./shell/forget_cluster.ts";

/** Turn of the loop after which a health question says that the agent hangs, ms. */
const HANG_MS = 2_000;
/** How often a stopping node looks whether it has handed everything over, ms. */
const STOP_LOOK_MS = 50;
/** Time a stopping node takes at most, ms: waiting for a successor, handing over, lingering, and some. */
const STOP_MS_MAX = 15_000;
/** Time for a last record and edit to reach the peers before the connections close, ms. */
const FAREWELL_MS = 200;

/** How to run a node. */
export interface NodeOptions {
  readonly home: Home;
  readonly config: Config;
  readonly log: Log;
}

/** A node that runs. */
export interface RunningNode {
  /** Hands VIPs over and closes everything. Resolves when done; a second call waits for the first. */
  stop(): Promise<void>;
  /** Resolves when the node has ended, by {@link stop} or because it left the cluster. */
  readonly ended: Promise<void>;
}

/** Starts a node. Rejects with a {@link Refusal} when this machine cannot run it; nothing is left open then. */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  const { home, config, log: { logger } } = options;
  const closers: (() => unknown)[] = [];
  try {
    return await startNode(options, closers);
  } catch (error) {
    await closeAll(closers);
    if (!(error instanceof Refusal)) {
      logger.debug({ err: error, home: home.config, node: config.name }, "start failed");
    }
    throw error;
  }
}

async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function startNode(options: NodeOptions, closers: (() => unknown)[]): Promise<RunningNode> {
  const { home, config, log: { logger } } = options;
  await refuseSecondAgent(home);
  prepareHome(home);
  const folder = openStateFolder(home.state, { notices: logger });
  const kernel = await openKernel({
    privateFolder: home.state,
    director: config.director,
    neighbour: onAnswer,
  });
  closers.push(kernel.close);
  const identity = await openIdentity(folder, { notices: logger });
  const clock = { now: () => performance.now(), wallMs: () => Date.now() };
  const paths = ownPaths(config, kernel);
  const self = selfOf(config, { id: identity.id, peer: identity.peer, boot: identity.boot, paths });

  // Adapters report to the agent, which needs the adapters: what comes before it exists is not lost, it comes again.
  let agent: Agent | undefined;
  function onAnswer(vip: string, _interface: string, mac: string): void {
    agent?.receive({ kind: "answer", vip, mac });
  }
  const pulses = await openPulseSocket({
    id: self.id,
    token: config.token,
    paths,
    port: config.port,
    listener: (pulse, path) => agent?.receive({ kind: "pulse", pulse, path }),
    notices: logger,
  });
  closers.push(() => pulses.close());
  const gossip = await openGossip({
    cluster: config.cluster,
    token: config.token,
    identity,
    version: VERSION,
    listen: paths.map((path) => path.address),
    port: config.port,
    seeds: seedsOf(config),
    listener: {
      record: (record) => agent?.receive({ kind: "record", record }),
      connected: () => agent?.wake(),
      disconnected: (id) => agent?.receive({ kind: "connectionClosed", id }),
    },
    hello: () => helloOf(self, agent),
    notices: logger,
  });
  closers.push(() => gossip.close());
  const store = openDocumentStore({
    folder,
    network: gossip.documents,
    onChange: () => {
      const document = store.current();
      // A node that was told it left, and joined again, is a member again.
      if (document.nodes.get(self.id)?.left === true && agent?.state.phase === "running") {
        void store.edit([{
          kind: "putNode",
          id: self.id,
          entry: { name: self.name, left: false },
        }]);
      }
      agent?.receive({ kind: "document", document });
    },
    notices: logger,
  });
  closers.push(() => store.close());
  const prober = createProber({ clock, report: (key, result) => agent?.probed(key, result) });
  closers.push(() => prober.close());
  agent = new Agent(self, {
    ...kernel,
    clock,
    pulses,
    gossip,
    store,
    prober,
    log: logger,
    memory: openAgentMemory(folder, logger),
    // A microtask: the work at hand is done first, and the loop does not have to go round once more.
    soon: queueMicrotask,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  agent.onChange = (change) =>
    logger[change.level]({ ...change.fields, event: change.what }, change.text);
  agent.begin();
  const delay = loopDelay(TICK_MS, clock.now());
  return await serveNode({
    ...options,
    agent,
    kernel,
    store,
    pulses,
    delay,
    folder,
    now: clock.now,
    closers,
  });
}

interface Parts extends NodeOptions {
  readonly agent: Agent;
  readonly kernel: KernelPorts;
  readonly store: ReturnType<typeof openDocumentStore>;
  readonly pulses: Awaited<ReturnType<typeof openPulseSocket>>;
  readonly delay: LoopDelay;
  readonly folder: StateFolder;
  readonly now: () => number;
  readonly closers: (() => unknown)[];
}

async function serveNode(parts: Parts): Promise<RunningNode> {
  const { agent, config, home, log: { logger }, delay, now, closers } = parts;
  const ending = Promise.withResolvers<void>();
  const counters = () => nodeCounters(parts);
  const operations = agentOperations({
    agent,
    store: parts.store,
    table: parts.kernel.table,
    counters,
    leave: async () => {
      await leaveCluster(parts);
      // The answer goes out first.
      setTimeout(() => void closeAll(closers).then(ending.resolve), FAREWELL_MS);
    },
  });
  const onFault = (error: unknown) =>
    logger.error({ err: error }, "a request failed, which is a fault of troop");
  const health = () =>
    now() - delay.beatMs() > HANG_MS
      ? `the loop last ran ${Math.round(now() - delay.beatMs())} ms ago`
      : null;
  const admin = await serveSocket(home, adminApp({ operations, onFault }).fetch);
  closers.push(() => admin.close());
  const open = servePublic(config.http, publicApp({ operations, health, onFault }).fetch);
  if (open !== null) closers.push(() => open.close());
  closers.push(keepTime(agent, { delay, now }));
  logger.info(
    {
      cluster: config.cluster,
      node: config.name,
      id: agent.state.self.id,
      address: config.address,
      http: open?.at ?? "off",
    },
    `troop ${VERSION} runs as ${config.name} in cluster ${config.cluster}; ask it with \`troop status\``,
  );
  let stopping: Promise<void> | undefined;
  const stop = () =>
    stopping ??= handOver(parts).then(() => closeAll(closers)).then(ending.resolve);
  return { stop, ended: ending.promise };
}

/** Ticks the agent at its own pace; returns how to stop. */
function keepTime(agent: Agent, { delay, now }: Pick<Parts, "delay" | "now">): () => void {
  let timer: Timer;
  function beat(): void {
    delay.beat(now());
    agent.tick();
    const paceMs = agent.paceMs();
    delay.expect(paceMs);
    timer = setTimeout(beat, paceMs);
  }
  timer = setTimeout(beat, TICK_MS);
  return () => clearTimeout(timer);
}

/** Waits until every VIP is with a successor, or the time for that is over. */
async function handOver({ agent, log: { logger } }: Parts): Promise<void> {
  logger.info({}, "stopping: handing VIPs over");
  agent.receive({ kind: "leave" });
  for (
    let waitedMs = 0;
    agent.state.phase !== "stopped" && waitedMs < STOP_MS_MAX;
    waitedMs += STOP_LOOK_MS
  ) {
    await sleep(STOP_LOOK_MS);
  }
  await agent.table.idle();
  await sleep(FAREWELL_MS);
}

async function leaveCluster(parts: Parts): Promise<void> {
  const { agent, store, home, folder, log: { logger } } = parts;
  await handOver(parts);
  const { id, name } = agent.state.self;
  await store.edit([{ kind: "putNode", id, entry: { name, left: true } }]);
  await sleep(FAREWELL_MS);
  await agent.clean();
  await store.close();
  forgetCluster(home, folder);
  logger.info({}, "left the cluster; kernel and files are as they were before");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function selfOf(
  config: Config,
  known: Pick<Self, "id" | "peer" | "boot" | "paths">,
): Self {
  return {
    ...known,
    cluster: config.cluster,
    name: config.name,
    version: VERSION,
    port: config.port,
    director: config.director,
    realServer: config.realServer,
    priority: config.priority,
    pulseMs: config.pulseMs,
    deadMs: config.deadMs,
  };
}

/** The node's paths as the kernel has them. Throws a {@link Refusal} when the node's own address is not there. */
function ownPaths(config: Config, kernel: KernelPorts): [Path, ...Path[]] {
  const present = kernel.addresses.listAddresses();
  const find = (address: string): Path => {
    const found = present.find((item) => item.address === address && item.interface !== "lo");
    if (found === undefined) {
      throw new Refusal({
        attempted: "start the agent",
        problem: `this machine does not have the address ${address}`,
        remedy: "give it to an interface, or correct `address` and `heartbeat` in troop.yaml",
      });
    }
    return { interface: found.interface, address, prefixLength: found.prefixLength };
  };
  const primary = find(config.address);
  if (primary.interface !== config.interface) {
    throw new Refusal({
      attempted: "start the agent",
      problem: `${config.address} is on ${primary.interface}, not on ${config.interface}`,
      remedy: "correct `interface` or `address` in troop.yaml",
    });
  }
  return [primary, ...config.heartbeat.map(find)];
}

function seedsOf(config: Config): Endpoint[] {
  return config.join.flatMap((text) => {
    const alone = parseIp(text);
    const endpoint = alone === undefined
      ? parseEndpoint(text)
      : { address: alone, port: CLUSTER_PORT_DEFAULT };
    return endpoint === undefined ? [] : [endpoint];
  });
}

function helloOf(self: Self, agent: Agent | undefined) {
  const peers = [...agent?.state.peers.values() ?? []].filter((peer) => peer.life.state !== "left");
  const member = (
    item: Pick<Self, "id" | "name" | "port"> & { readonly paths: readonly Path[] },
  ) => ({
    id: item.id,
    name: item.name,
    addresses: item.paths.map((path) => path.address),
    port: item.port,
  });
  return {
    cluster: self.cluster,
    self: member(self),
    members: peers.map((peer) => member(peer.record)),
  };
}
