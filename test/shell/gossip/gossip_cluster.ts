/**
 * Real gossip nodes in one process, on loopback, for tests.
 */
import type { Endpoint } from "../../../src/core/address.ts";
import type { NodeId } from "../../../src/core/document/document.ts";
import type { NodeRecord } from "../../../src/core/cluster/record.ts";
import {
  type GossipOptions,
  type OpenGossip,
  openGossip,
} from "../../../src/shell/gossip/gossip.ts";
import { type Identity, openIdentity } from "../../../src/shell/files/identity.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { newToken, singleToken } from "../../../src/shell/files/token.ts";
import { freePort } from "../../support/free_port.ts";
import { type RecordedNotices, recordNotices } from "../../support/recorded_notices.ts";
import { sampleRecord } from "../../support/sample_record.ts";
import { tempFolder } from "../../support/temp_folder.ts";

/** One node and what it has heard. */
export interface TestNode {
  readonly gossip: OpenGossip;
  readonly identity: Identity;
  readonly endpoint: Endpoint;
  readonly folder: StateFolder;
  readonly notices: RecordedNotices;
  /** Last record heard of each node. */
  readonly records: Map<NodeId, NodeRecord>;
  /** "connected ID" and "disconnected ID", in order. */
  readonly events: string[];
  /** What people are warned of, by what it is about. */
  readonly warnings: Map<string, string>;
  /** Publishes a record; returns it. */
  publish(fields?: Partial<NodeRecord>): NodeRecord;
}

/** The token of the tests' cluster. */
export const TEST_TOKEN: string = newToken();

const running = new Set<OpenGossip>();

/** Closes every node that still runs: for `afterEach` of each test file that starts some. */
export async function stopNodes(): Promise<void> {
  await Promise.all([...running].map((gossip) => gossip.close()));
  running.clear();
}

/** Options a test may set, beside a state folder to start from again. */
export type TestNodeOptions = Partial<GossipOptions> & { readonly folder?: StateFolder };

/** Starts a node; see {@link stopNodes}. */
export async function startNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const folder = options.folder ?? openStateFolder(tempFolder());
  const identity = await openIdentity(folder);
  const port = options.port ?? await freePort();
  const notices = recordNotices();
  const records = new Map<NodeId, NodeRecord>();
  const events: string[] = [];
  const warnings = new Map<string, string>();
  const gossip = await openGossip({
    cluster: "test",
    tokens: singleToken(TEST_TOKEN),
    identity,
    version: "0.1.0",
    listen: ["127.0.0.1"],
    port,
    seeds: [],
    listener: {
      record: (record) => void records.set(record.id, record),
      warning: (key, text) => void warnings.set(key, text),
      connected: (id) => void events.push(`connected ${id}`),
      disconnected: (id) => void events.push(`disconnected ${id}`),
    },
    hello: () => ({ cluster: "test", self: member(identity.id, port), members: [] }),
    notices,
    ...options,
  });
  running.add(gossip);
  let sequence = 0;
  return {
    gossip,
    identity,
    endpoint: { address: "127.0.0.1", port },
    folder,
    notices,
    records,
    events,
    warnings,
    publish(fields = {}) {
      const { id, peer, boot } = identity;
      const record = sampleRecord({ id, peer, boot, sequence: ++sequence, port, ...fields });
      gossip.publishRecord(record);
      return record;
    },
  };
}

/** Closes a node before the test ends. */
export async function stopNode(node: TestNode): Promise<void> {
  running.delete(node.gossip);
  await node.gossip.close();
}

/** A member as a hello answer tells it. */
export function member(id: NodeId, port: number, name = "n1") {
  return { id, name, addresses: ["127.0.0.1"], port };
}

/** A node as the dialler wants it. */
export function wanted(node: TestNode) {
  return { id: node.identity.id, addresses: [node.endpoint.address], port: node.endpoint.port };
}
