/**
 * Opens the real adapters of one node and the agent between them.
 *
 * Adapters report to the agent, which needs the adapters: what they report before it exists is dropped,
 * and comes again by itself (pulses, records, answers).
 */
import { Agent } from "./agent/agent.ts";
import type { Logger } from "./agent/logger.ts";
import { type Endpoint, parseEndpoint, parseIp } from "./core/address.ts";
import { CLUSTER_PORT_DEFAULT, type Config } from "./core/config.ts";
import type { NodeId } from "./core/document/document.ts";
import type { Home } from "./core/home.ts";
import { isPresent } from "./core/cluster/liveness.ts";
import { keyOf, type Path } from "./core/cluster/record.ts";
import { Refusal } from "./core/refusal.ts";
import type { Self } from "./core/state.ts";
import type { Fact } from "./core/step.ts";
import { writeConfigToken } from "./shell/files/config_token.ts";
import { openAgentMemory } from "./shell/files/agent_memory.ts";
import { openDocumentStore } from "./shell/document/document_store.ts";
import { type OpenGossip, openGossip } from "./shell/gossip/gossip.ts";
import { openIdentity, SEED_BYTES } from "./shell/files/identity.ts";
import { type KernelPorts, openKernel } from "./shell/kernel/kernel.ts";
import { createProber } from "./shell/probe/prober.ts";
import { type PulseKeys, pulseKeys } from "./shell/pulse/pulse_keys.ts";
import { openPulseSocket } from "./shell/pulse/pulse_socket.ts";
import { openProcessorLoad } from "./shell/kernel/processor_load.ts";
import { openSorryPage, ownCommand } from "./shell/process/sorry_page.ts";
import { openStateFolder, type StateFolder } from "./shell/files/state_folder.ts";
import { watchStrangers } from "./shell/gossip/strangers.ts";
import { openTokenStore, type TokenStore } from "./shell/files/token_store.ts";
import { VERSION } from "./version.ts";

/** What the adapters are opened for. */
export interface AdapterOptions {
  readonly home: Home;
  readonly config: Config;
  readonly logger: Logger;
  /** Gets what closes each adapter, in the order of opening. */
  readonly closers: (() => unknown)[];
}

/** The open adapters that others than the agent use too. */
export interface NodeAdapters {
  readonly agent: Agent;
  readonly kernel: KernelPorts;
  readonly store: ReturnType<typeof openDocumentStore>;
  readonly pulses: Awaited<ReturnType<typeof openPulseSocket>>;
  readonly gossip: OpenGossip;
  readonly tokens: TokenStore;
  readonly folder: StateFolder;
  readonly now: () => number;
}

/** Opens everything. Rejects with a {@link Refusal} when this machine lacks something; the caller closes what is open. */
export async function openAdapters(options: AdapterOptions): Promise<NodeAdapters> {
  const { home, config, logger, closers } = options;
  const folder = openStateFolder(home.state, { notices: logger });
  const reports = agentReports();
  const kernel = await openKernel({
    privateFolder: home.state,
    director: config.director,
    neighbour: (vip, _interface, mac) => reports.tell({ kind: "answer", vip, mac }),
  });
  closers.push(kernel.close);
  const identity = await openIdentity(folder, { notices: logger });
  const { id, peer, boot } = identity;
  const keys = pulseKeys(identity.privateKey.raw.subarray(0, SEED_BYTES));
  const self = selfOf(config, {
    id,
    peer,
    pulseKey: keys.publicKey,
    boot,
    paths: ownPaths(config, kernel),
  });
  const tokens = openTokenStore(folder, {
    configured: config.token,
    writeConfigured: (token) => writeConfigToken(home, token),
    notices: logger,
  });
  const network = await openNetwork(options, { self, identity, keys, reports, tokens, kernel });
  const store = openDocumentStore({
    folder,
    network: network.gossip.documents,
    onChange: () => onDocument(store, { self, reports, logger }),
    notices: logger,
  });
  closers.push(() => store.close());
  const clock = { now: () => performance.now(), wallMs: () => Date.now() };
  const prober = createProber({
    clock,
    report: (key, result) => reports.agent()?.probed(key, result),
  });
  closers.push(() => prober.close());
  const sorry = openSorryPage({
    command: ownCommand("sorry-page"),
    report: (problem) => reports.tell({ kind: "sorry", problem }),
    warn: (problem) => logger.warn({ problem }, `the sorry page is not as wanted: ${problem}`),
  });
  closers.push(() => sorry.close());
  const agent = new Agent(self, {
    ...kernel,
    ...network,
    clock,
    store,
    prober,
    sorry,
    load: openProcessorLoad(),
    log: logger,
    memory: openAgentMemory(folder, logger),
    // A microtask: the work at hand is done first, and the loop does not have to go round once more.
    soon: queueMicrotask,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  reports.attach(agent);
  return { agent, kernel, store, ...network, tokens, folder, now: clock.now };
}

/** The way from adapters to an agent that comes later. */
interface AgentReports {
  tell(fact: Fact): void;
  agent(): Agent | undefined;
  attach(agent: Agent): void;
}

function agentReports(): AgentReports {
  let agent: Agent | undefined;
  return {
    tell: (fact) => agent?.receive(fact),
    agent: () => agent,
    attach: (made) => {
      agent = made;
    },
  };
}

async function openNetwork(
  { config, logger, closers }: AdapterOptions,
  known: {
    self: Self;
    identity: Awaited<ReturnType<typeof openIdentity>>;
    keys: PulseKeys;
    reports: AgentReports;
    tokens: TokenStore;
    kernel: Pick<KernelPorts, "filterDatagrams">;
  },
) {
  const { self, identity, keys, reports, tokens, kernel } = known;
  const strangers = watchStrangers({
    notices: logger,
    warn: (key, text) => reports.tell({ kind: "warning", key, text }),
  });
  // Only who is seen by everybody gets a new token: a bearer of the old one who hides does not.
  const isMember = (id: NodeId) => {
    const peer = reports.agent()?.state.peers.get(id);
    return peer !== undefined && isPresent(peer);
  };
  const pulses = await openPulseSocket({
    id: self.id,
    tokens,
    paths: self.paths,
    port: config.port,
    listener: (pulse, path, source) => reports.tell({ kind: "pulse", pulse, path, source }),
    keys,
    keyOf: (from) => keyOf(reports.agent()?.state, from),
    onForged: (named, source) => reports.tell({ kind: "forged", named, source }),
    onCaution: (caution, from) => reports.tell({ kind: "caution", caution, from }),
    filter: kernel.filterDatagrams,
    onBusy: () => reports.agent()?.nudge(),
    notices: logger,
  });
  closers.push(() => pulses.close());
  const gossip = await openGossip({
    cluster: config.cluster,
    tokens,
    giveToken: (fingerprint, to) => isMember(to) ? tokens.tokenOf(fingerprint) : undefined,
    onStranger: strangers.note,
    onTwin: (address) => reports.tell({ kind: "twin", address }),
    identity,
    version: VERSION,
    listen: self.paths.map((path) => path.address),
    port: config.port,
    seeds: seedsOf(config),
    listener: {
      record: (record) => reports.tell({ kind: "record", record }),
      warning: (key, text) => reports.tell({ kind: "warning", key, text }),
      connected: () => reports.agent()?.wake(),
      disconnected: (id) => reports.tell({ kind: "connectionClosed", id }),
    },
    hello: () => helloOf(self, reports.agent()),
    notices: logger,
  });
  closers.push(() => gossip.close());
  return { pulses, gossip };
}

/** A node that was told it left, and joined again, is a member again. */
function onDocument(
  store: NodeAdapters["store"],
  { self, reports, logger }: { self: Self; reports: AgentReports; logger: Logger },
): void {
  const document = store.current();
  const entry = document.nodes.get(self.id);
  if (
    entry?.left === true && entry.forgotten !== true && reports.agent()?.state.phase === "running"
  ) {
    store.edit([{ kind: "putNode", id: self.id, entry: { name: self.name, left: false } }]).catch(
      // A full disk must not end the agent; the next change of the document tries again.
      (error) => logger.warn({ problem: String(error) }, "cannot say that this node is a member"),
    );
  }
  reports.tell({ kind: "document", document });
}

function selfOf(
  config: Config,
  known: Pick<Self, "id" | "peer" | "pulseKey" | "boot" | "paths">,
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
    syncInterface: config.syncInterface ?? config.interface,
    witness: config.witness,
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
