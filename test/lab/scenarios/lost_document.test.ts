/**
 * State files that are damaged while no agent runs: they are kept, the operator is told, and the node has everything again
 * from its peer before it touches its kernel.
 */
import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { JOURNAL_FILE, REPLICA_FILE } from "../../../src/shell/files/state_files.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, type Service, startService, streamlined, VIP } from "../scenario.ts";
import { awaitAllAlive, awaitOneHolder, awaitServersUp, type TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";

/** Slow enough that agents which start beside it take nobody's requests. */
const EVERY_MS = 50;
/** Requests that may fail when the holder's agent is killed with -9, as in agent_killed.test.ts. */
const FAILED_MAX = 5;
/** Time between two looks at the kernel's rows, ms. */
const LOOK_MS = 200;
const LIMIT_MS = 20_000;
/** Time in which all is served again, ms. */
const AFTER_MS = 2_000;
/** Services of the VIP: the usual one, and one that only the journal knows. */
const SERVICES = 2;

/** Overwrites all the node has on disk of the document, as a disk that failed; the bytes it leaves, by file. */
function damageDocument(node: TroopNode): Map<string, Uint8Array<ArrayBuffer>> {
  const state = join(node.home, "state");
  const files = [REPLICA_FILE, JOURNAL_FILE].map((name) => join(state, name)).filter(existsSync);
  expect(files.length).toBeGreaterThan(0);
  return new Map(files.map((file) => {
    const damaged = new Uint8Array(readFileSync(file)).map((byte, at) =>
      at > 20 ? byte ^ 0xff : byte
    );
    writeFileSync(file, damaged);
    return [file, damaged];
  }));
}

/** Waits until all is as it was: told, kept aside, and the same document everywhere. */
async function requireRecovered(
  { nodes }: Service,
  { node, damaged, exported }: {
    readonly node: TroopNode;
    readonly damaged: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
    readonly exported: string;
  },
): Promise<void> {
  await awaitAllAlive(nodes);
  await awaitOneHolder(VIP, nodes);
  for (const each of nodes) {
    await awaitServersUp(each, VIP, { count: SERVICES * nodes.length });
    await waitFor(async () => await each.troop("export") === exported, {
      what: `${each.name} has the whole document`,
      limitMs: LIMIT_MS,
    });
  }
  const log = readFileSync(node.agent.log, "utf8");
  for (const [file, bytes] of damaged) {
    const name = file.slice(file.lastIndexOf("/") + 1);
    const aside = readdirSync(join(node.home, "state"))
      .filter((entry) => entry.startsWith(`${name}.damaged-`)).toSorted().at(-1);
    expect(new Uint8Array(readFileSync(join(node.home, "state", aside ?? "none")))).toEqual(bytes);
    expect(log).toContain(`the state file ${name} is damaged`);
    expect(log).toContain(`kept as ${aside}`);
  }
  const texts = (await node.events()).map(({ text }) => text);
  expect(texts.join("\n")).toContain("waits for the document of a running peer");
  expect((await node.status()).warnings ?? []).toEqual([]);
}

/** Runs it while the kernel's row for the VIP is looked at on a node: it may not go, not even for a moment. */
async function keepingRow(node: TroopNode, body: Promise<void>): Promise<void> {
  let busy = true;
  const done = body.finally(() => busy = false);
  const row = new RegExp(`-t ${VIP}:80\\b.*-r`, "s");
  let looks = 0;
  for (; busy; looks++) {
    expect(await node.host.run("ipvsadm", "-S", "-n")).toMatch(row);
    await Bun.sleep(LOOK_MS);
  }
  await done;
  expect(looks).toBeGreaterThan(2);
}

scenario(
  "the document of a standby, of the holder, and of one of two that start at once is damaged: nothing is lost, clients go on",
  { slug: "lost-document", hosts: streamlined },
  async (lab) => {
    const service = await startService(lab);
    const { client, nodes, holder, other } = service;
    await other.troop("service", "add", `${VIP}:81`, "--check", "none");
    const exported = await holder.troop("export");
    expect(exported).toContain(":81");

    const load = await Load.start(client, { address: VIP, everyMs: EVERY_MS });
    await other.agent.end("SIGTERM");
    let damaged = damageDocument(other);
    await other.run();
    await requireRecovered(service, { node: other, damaged, exported });
    requireFewFailures(load.lines, 0);

    await holder.agent.end("SIGKILL");
    damaged = damageDocument(holder);
    await keepingRow(holder, holder.run());
    await requireRecovered(service, { node: holder, damaged, exported });
    await load.stop();
    requireFewFailures(load.lines, FAILED_MAX);

    // All start at once, and the one that held the VIP has lost its document.
    const { holder: last } = await awaitOneHolder(VIP, nodes);
    await Promise.all(nodes.map((node) => node.agent.end("SIGKILL")));
    damaged = damageDocument(last);
    await keepingRow(last, Promise.all(nodes.map((node) => node.run())).then(() => {}));
    await requireRecovered(service, { node: last, damaged, exported });
    const after = await Load.start(client, { address: VIP, everyMs: EVERY_MS });
    await Bun.sleep(AFTER_MS);
    await after.stop();
    requireFewFailures(after.lines, 0);
  },
);
