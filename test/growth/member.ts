/**
 * One node of a cluster whose growth is measured: the real agent with real gossip, pulses and cluster document on
 * real sockets; only its kernel, its checks and its memory are simulated.
 */
import { join } from "node:path";
import { Agent } from "../../src/agent/agent.ts";
import type { Change } from "../../src/agent/changes.ts";
import type { Endpoint, Ip } from "../../src/core/address.ts";
import { encodePulse } from "../../src/core/cluster/pulse.ts";
import { vipsOf } from "../../src/core/document/document.ts";
import type { Self } from "../../src/core/state.ts";
import type { Fact } from "../../src/core/step.ts";
import { TICK_MS } from "../../src/core/timing.ts";
import { singleToken } from "../../src/shell/files/token.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../src/shell/document/document_store.ts";
import { type OpenGossip, openGossip } from "../../src/shell/gossip/gossip.ts";
import { keyOf } from "../../src/core/cluster/record.ts";
import { openIdentity, SEED_BYTES } from "../../src/shell/files/identity.ts";
import { pulseKeys } from "../../src/shell/pulse/pulse_keys.ts";
import { SEAL_BYTES } from "../../src/shell/pulse/pulse_seal.ts";
import { type OpenPulseSocket, openPulseSocket } from "../../src/shell/pulse/pulse_socket.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";
import { VERSION } from "../../src/version.ts";
import { LAN } from "../support/cluster_views.ts";
import { FakeKernel } from "../support/fake_kernel.ts";
import { fakeMemory } from "../support/fake_memory.ts";

/** As the simulated kernel calls it; the sockets only know the address. */
const INTERFACE = LAN;
const PREFIX_LENGTH = 16;
/** What a pulse is sent with, bytes: the seals of the pair and the cluster, UDP and IPv4 headers (RFC 768, RFC 791). */
export const PULSE_AROUND_BYTES = 2 * SEAL_BYTES + 8 + 20;

/** How to start a member. */
export interface MemberOptions {
  /** 1 and up. */
  readonly index: number;
  readonly token: string;
  /** Folder for its files; a new one is made inside. */
  readonly folder: string;
  readonly port: number;
  readonly seeds: readonly Endpoint[];
  /** Highest wins the VIPs at the beginning. */
  readonly priority: number;
  readonly onChange: (change: Change) => void;
  /** Told the VIPs of its document whenever that has changed. */
  readonly onVips: (vips: readonly Ip[]) => void;
}

/** What a member has sent and heard since it started. */
export interface MemberCounts {
  readonly pulsesOut: number;
  readonly pulsesIn: number;
  /** With IP and UDP headers. */
  readonly pulseBytesOut: number;
  readonly recordsOut: number;
  readonly recordsIn: number;
  readonly synchronizations: number;
}

/** A running member. */
export interface Member {
  readonly agent: Agent;
  readonly store: OpenDocumentStore;
  readonly counts: () => MemberCounts;
  /** Peers with an open connection. */
  readonly connected: () => number;
}

/** The address of a member, on the loopback interface of the run's own network namespace. */
export function addressOfMember(index: number): Ip {
  return `10.77.0.${index}`;
}

type Counting = { -readonly [Key in keyof MemberCounts]: number };

interface Parts {
  readonly options: MemberOptions;
  readonly self: Self;
  readonly kernel: FakeKernel;
  readonly counts: Counting;
  readonly pulses: OpenPulseSocket;
  readonly gossip: OpenGossip;
  readonly store: OpenDocumentStore;
}

/** Starts a member; it never ends but with its process. */
export async function startMember(options: MemberOptions): Promise<Member> {
  let agent: Agent | null = null;
  const folder = openStateFolder(join(options.folder, `n${options.index}`));
  const identity = await openIdentity(folder);
  const keys = pulseKeys(identity.privateKey.raw.subarray(0, SEED_BYTES));
  const self = selfOf(options, { ...identity, pulseKey: keys.publicKey });
  const counts: Counting = {
    pulsesOut: 0,
    pulsesIn: 0,
    pulseBytesOut: 0,
    recordsOut: 0,
    recordsIn: 0,
    synchronizations: 0,
  };
  const tell = (fact: Fact) => agent?.receive(fact);
  const address = addressOfMember(options.index);
  const common = { tokens: singleToken(options.token), port: options.port };
  const pulses = await openPulseSocket({
    ...common,
    id: self.id,
    paths: self.paths,
    listener: (pulse, path) => tell({ kind: "pulse", pulse, path }),
    keys,
    keyOf: (from) => keyOf(agent?.state, from),
  });
  const gossip = await openGossip({
    ...common,
    cluster: self.cluster,
    identity,
    version: VERSION,
    listen: [address],
    seeds: options.seeds,
    listener: {
      record(record) {
        counts.recordsIn++;
        tell({ kind: "record", record });
      },
      connected: () => agent?.wake(),
      disconnected: (id) => tell({ kind: "connectionClosed", id }),
    },
    hello: () => ({ cluster: self.cluster, self: contactOf(self), members: [] }),
  });
  const store = openDocumentStore({
    folder,
    network: gossip.documents,
    onChange: () => {
      const document = store.current();
      tell({ kind: "document", document });
      options.onVips(vipsOf(document));
    },
  });
  const kernel = new FakeKernel();
  kernel.nowMs = performance.now();
  kernel.addresses = [{
    address,
    prefixLength: PREFIX_LENGTH,
    interface: INTERFACE,
    validSeconds: null,
  }];
  agent = makeAgent({ options, self, kernel, counts, pulses, gossip, store });
  agent.begin();
  keepTime(agent, kernel);
  return {
    agent,
    store,
    counts: () => ({ ...counts, pulsesIn: pulses.counts().received }),
    connected: () => gossip.connected().length,
  };
}

function selfOf(
  { index, port, priority }: MemberOptions,
  { id, peer, pulseKey, boot }: Required<Pick<Self, "id" | "peer" | "pulseKey" | "boot">>,
): Self {
  return {
    ...{ id, peer, pulseKey, boot, port, priority },
    cluster: "growth",
    name: `n${index}`,
    version: VERSION,
    paths: [{
      interface: INTERFACE,
      address: addressOfMember(index),
      prefixLength: PREFIX_LENGTH,
    }],
    director: true,
    realServer: true,
    pulseMs: 100,
    deadMs: 400,
    syncInterface: INTERFACE,
    witness: "off",
  };
}

function contactOf({ id, name, paths, port }: Self) {
  return { id, name, addresses: paths.map((path) => path.address), port };
}

function makeAgent(parts: Parts): Agent {
  const { kernel, counts, pulses, gossip, store } = parts;
  const agent = new Agent(parts.self, {
    clock: { now: () => performance.now(), wallMs: () => Date.now() },
    addresses: kernel.addressPort,
    neighbours: kernel.neighbours,
    table: kernel.table,
    sysctl: kernel.sysctl,
    tunnels: kernel.tunnels,
    marks: kernel.marks,
    modules: kernel.modules,
    sorry: { set: () => {}, close: () => {} },
    load: { free: () => 100 },
    pulses: {
      send(pulse, peer) {
        counts.pulsesOut++;
        counts.pulseBytesOut += encodePulse(pulse).length + PULSE_AROUND_BYTES;
        pulses.send(pulse, peer);
      },
      close: () => {},
    },
    gossip: {
      ...gossip,
      publishRecord(record) {
        counts.recordsOut++;
        gossip.publishRecord(record);
      },
    },
    store: {
      ...store,
      synchronize(peer) {
        counts.synchronizations++;
        return store.synchronize(peer);
      },
    },
    // Every check succeeds once; checks are not what is measured.
    prober: {
      setTargets(targets) {
        for (const { key } of targets) {
          setTimeout(() => agent.probed(key, { ok: true, reason: "200", tookMs: 1 }), TICK_MS);
        }
      },
      close: () => {},
    },
    listeners: {
      list: () => [{ protocol: "tcp", address: "0.0.0.0", port: 80, v6only: false }],
    },
    memory: fakeMemory(),
    log: quietLog(),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    soon: queueMicrotask,
  });
  agent.onChange = parts.options.onChange;
  return agent;
}

/** Ticks at the agent's own pace, as the program does. */
function keepTime(agent: Agent, kernel: FakeKernel): void {
  const beat = () => {
    kernel.pass(performance.now() - kernel.nowMs);
    kernel.journal = [];
    agent.tick();
    setTimeout(beat, agent.paceMs());
  };
  setTimeout(beat, TICK_MS);
}

function quietLog() {
  const nothing = () => {};
  return { debug: nothing, info: nothing, warn: nothing, error: nothing };
}
