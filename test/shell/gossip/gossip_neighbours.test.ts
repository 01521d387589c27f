/** Nodes that have the token and are none of this cluster, and copies of a node, on loopback. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { createLibp2p, type Libp2p } from "libp2p";
import { nodeOptions, toMultiaddr } from "../../../src/shell/gossip/libp2p_node.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { newToken, singleToken } from "../../../src/shell/files/token.ts";
import { tokenProtector } from "../../../src/shell/gossip/token_protector.ts";
import { REMIND_MS } from "../../../src/shell/gossip/gossip_neighbours.ts";
import { clusterProtocol } from "../../../src/shell/gossip/gossip_topics.ts";
import { watchStrangers } from "../../../src/shell/gossip/strangers.ts";
import { eventually } from "../../support/eventually.ts";
import { startNode, stopNode, stopNodes, TEST_TOKEN } from "./gossip_cluster.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { tempFolder } from "../../support/temp_folder.ts";

// Real sockets take their time on a machine that does other things too.
setDefaultTimeout(30_000);
afterEach(stopNodes);

function listening() {
  const warnings: string[] = [];
  const listener = {
    record() {},
    connected() {},
    disconnected() {},
    warning: (_key: string, text: string) => void warnings.push(text),
  };
  return { warnings, listener };
}

describe("a member of another cluster with the same token", () => {
  test("is named on both sides, and nothing else comes of it", async () => {
    const one = listening();
    const two = listening();
    const a = await startNode({ listener: one.listener });
    const hello = {
      cluster: "other",
      self: { id: "00000000000000bb", name: "n2", addresses: ["127.0.0.1"], port: 1 },
      members: [],
    };
    const b = await startNode({
      cluster: "other",
      listener: two.listener,
      hello: () => hello,
      seeds: [a.endpoint],
    });
    await eventually("both are told", () => one.warnings.length > 0 && two.warnings.length > 0);
    expect(one.warnings[0]).toContain('is of cluster "other", and this node of "test"');
    expect(two.warnings[0]).toContain('is of cluster "test", and this node of "other"');
    b.publish({ cluster: "other" });
    await Bun.sleep(300);
    expect(a.records.size).toBe(0);
  });

  test("one cluster is told nothing", async () => {
    const one = listening();
    const a = await startNode({ listener: one.listener });
    const b = await startNode({ seeds: [a.endpoint] });
    await eventually("b sees a", () => b.gossip.connected().includes(a.identity.id));
    await Bun.sleep(300);
    expect(one.warnings).toEqual([]);
  });
});

describe("members of a version that speaks otherwise", () => {
  /** Starts one that has the token and serves these protocols. */
  async function startLater(version: string, protocols: readonly string[]): Promise<Libp2p> {
    const protector = tokenProtector({ tokens: singleToken(TEST_TOKEN), timeoutMs: 5_000 });
    const privateKey = await generateKeyPair("Ed25519");
    const later = await createLibp2p(nodeOptions({ protector, privateKey, listen: [], version }));
    for (const protocol of protocols) {
      await later.handle(protocol, (stream) => stream.abort(new Error("later")));
    }
    await later.start();
    return later;
  }

  test("are named with their version, and what to do, until they are gone", async () => {
    const { warnings, listener } = listening();
    const a = await startNode({ listener });
    // A later version of the same cluster tells the cluster in the same way.
    const later = await Promise.all([
      startLater("9.8", ["/troop/document/99"]),
      startLater("9.9", ["/troop/document/99", clusterProtocol("test")]),
    ]);
    const told = (version: string) =>
      warnings.filter((text) =>
        text.includes(`runs troop/${version}`) && text.includes("install the same version")
      ).length;
    try {
      for (const one of later) await one.dial(toMultiaddr(a.endpoint));
      await eventually("a is told of both", () => told("9.8") > 0 && told("9.9") > 0);
      expect(a.gossip.connected()).toEqual([]);
      await eventually("a is told again", () => told("9.8") > 1 && told("9.9") > 1);
    } finally {
      for (const one of later) await one.stop();
    }
    await Bun.sleep(300);
    warnings.length = 0;
    await Bun.sleep(REMIND_MS + 500);
    expect(warnings).toEqual([]);
  });
});

describe("a member with another token", () => {
  test("is told so in one line, with what to do; the member's log is too", async () => {
    const member = recordNotices();
    const mine = recordNotices();
    const warnings: string[] = [];
    const strangers = (notices: typeof mine, told: string[]) =>
      watchStrangers({ notices, warn: (_key, text) => void told.push(text) }).note;
    const a = await startNode({ onStranger: strangers(member, []) });
    await startNode({
      tokens: singleToken(newToken()),
      seeds: [a.endpoint],
      onStranger: strangers(mine, warnings),
    });
    await eventually(
      "both say so",
      () => warnings.length > 0 && member.messages("warn").length > 0,
    );
    expect(warnings[0]).toStartWith(`127.0.0.1:${a.endpoint.port} does not take this node's token`);
    expect(warnings[0]).toContain("troop token");
    expect(member.messages("warn")[0]).toContain("without this cluster's token");
    // Said once, not at every try.
    await Bun.sleep(2_000);
    expect(mine.messages("warn")).toHaveLength(1);
  });
});

describe("a copy of a node", () => {
  test("that calls the other one finds its own key there, and the other one too", async () => {
    const folder = tempFolder();
    const met: string[] = [];
    const first = await startNode({
      folder: openStateFolder(folder),
      onTwin: (address) => void met.push(`first ${address}`),
    });
    const copied = tempFolder();
    cpSync(folder, copied, { recursive: true });
    const second = await startNode({
      folder: openStateFolder(copied),
      seeds: [first.endpoint],
      onTwin: (address) => void met.push(`second ${address}`),
    });
    expect(second.identity.id).toBe(first.identity.id);
    await eventually("both know", () => new Set(met).size === 2);
    expect([...new Set(met)].sort()).toEqual(["first 127.0.0.1", "second 127.0.0.1"]);
    // It goes on trying: the other one may end.
    await stopNode(first);
    met.length = 0;
    await Bun.sleep(300);
    expect(met).toEqual([]);
  });

  test("a node that finds itself in its own list does not take itself for a copy", async () => {
    const met: unknown[] = [];
    const folder = openStateFolder(tempFolder());
    const probe = await startNode({ folder });
    const { port } = probe.endpoint;
    await stopNode(probe);
    // By an address that it does not know for its own.
    const node = await startNode({
      folder,
      port,
      listen: ["0.0.0.0"],
      seeds: [{ address: "127.0.0.3", port }],
      onTwin: (...at) => void met.push(at),
    });
    await Bun.sleep(1_500);
    expect(met).toEqual([]);
    await stopNode(node);
  });
});
