/**
 * A table of hundreds of services with 10 real servers each: every node keeps it warm, so a takeover is an address and
 * a switch, whatever its size. The bench does the same with 1,000, for which a guest takes minutes.
 */
import { expect } from "bun:test";
import {
  asEdits,
  ASKED_ROWS,
  awaitFullTable,
  awaitRows,
  countRows,
  largeTable,
} from "../large_table.ts";
import { writeDocument } from "../large_document.ts";
import { Load, type LoadSummary } from "../load.ts";
import { scenario, type Service, startService, streamlined, VIP } from "../scenario.ts";
import { awaitOneHolder, type TroopNode } from "../troop.ts";
import type { Lab } from "../lab.ts";

const SERVICES = 300;
const BEFORE_MS = 2_000;
const AFTER_MS = 5_000;
/**
 * A takeover takes the dead node's server out of the one pool it is in; it may come back with the next check, and
 * go again, before everybody has noticed that the node is dead. One change for every service would be 300.
 */
const CHANGES_MAX = 4;
/**
 * How much longer nobody may answer with the large table than without. Both are about the time until a node counts as
 * dead, and the lab has one CPU for everybody; writing the table takes several times that.
 */
const SILENCE_RATIO_MAX = 3;

scenario(
  `takeover with ${SERVICES} services warm: no row is written anew, and the silence is that of one service`,
  { slug: "large-table", hosts: streamlined },
  async (lab) => {
    const service = await startService(lab);
    const { nodes } = service;
    const small = await takeOver(lab, service);
    for (const node of nodes) await node.agent.end("SIGTERM");
    // The other node gets it from this one.
    await writeDocument(nodes[0]!.home, asEdits(largeTable(SERVICES)));
    for (const node of nodes) await node.run();
    const rows = ASKED_ROWS + countRows(largeTable(SERVICES));
    for (const node of nodes) await awaitRows(node.host, rows);
    const large = await takeOver(lab, service);
    // The whole of it: nothing was removed, and nothing was changed but the weight of the dead node's server.
    for (const { before, after, dead } of [small, large]) {
      expect(before.length).toBe(after.length);
      expect(differences(before, after)).toEqual([
        `-a -t ${VIP}:80 -r ${dead}:80 -g -w 0`,
      ]);
    }
    for (const { changes } of [small, large]) expect(changes).toBeLessThanOrEqual(CHANGES_MAX);
    expect(large.silenceMs).toBeLessThanOrEqual(SILENCE_RATIO_MAX * small.silenceMs);
  },
);

/** What a takeover was like, and the successor's table before and after. */
interface Takeover extends LoadSummary {
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Address of the node that was cut off. */
  readonly dead: string;
  /** Changes of its table the successor asked its kernel for. */
  readonly changes: number;
}

/** Cuts the holder off, looks at what the other does, and makes the cluster whole again. */
async function takeOver(lab: Lab, { client, nodes }: Service): Promise<Takeover> {
  for (const node of nodes) await awaitFullTable(node.host);
  const { holder, others: [successor] } = await awaitOneHolder(VIP, nodes);
  const before = await table(successor!);
  const changesBefore = await tableChanges(successor!);
  const load = await Load.start(client, { address: VIP });
  await Bun.sleep(BEFORE_MS);
  await lab.cut(holder.host);
  await Bun.sleep(AFTER_MS);
  const summary = await load.stop();
  // Nobody else can: the last requests were answered by the new holder.
  expect(load.lines.at(-1)?.server).toBe(successor!.name);
  const changes = await tableChanges(successor!) - changesBefore;
  const after = await table(successor!);
  await lab.heal(holder.host);
  await awaitOneHolder(VIP, nodes);
  return { ...summary, before, after, dead: holder.host.address, changes };
}

async function table(node: TroopNode): Promise<string[]> {
  return (await node.host.run("ipvsadm", "-Sn")).trim().split("\n").toSorted();
}

async function tableChanges(node: TroopNode): Promise<number> {
  const text = await node.host.run("curl", "--silent", "http://127.0.0.1:6941/metrics");
  return Number(/^troop_table_changes_total (\d+)$/m.exec(text)?.[1]);
}

function differences(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  return after.filter((line) => !known.has(line));
}
