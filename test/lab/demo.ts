/**
 * The demo: a cluster of two, each node director and real server, under one fault after another while a
 * client makes 50 requests a second. Runs in the lab, against the real program; ends with a verdict and
 * an exit status.
 */
import { AddressWatch } from "./address_watch.ts";
import { Lab } from "./lab.ts";
import { Load, type LoadSummary, summarize } from "./load.ts";
import { addService, streamlined, VIP } from "./scenario.ts";
import { progress, Timeline, verdict } from "./timeline.ts";
import { awaitOneHolder, awaitServersUp, startCluster, TroopNode } from "./troop.ts";
import { startWebServer } from "./web_server.ts";

/** One chapter: what is done, how long the client is watched, and how many requests it may cost. */
interface Chapter {
  readonly event: string;
  readonly act: () => Promise<unknown>;
  readonly watchMs: number;
  readonly failedMax: number;
}

const CALM_MS = 4_000;
const FAULT_MS = 5_000;
/** Promises of the README, in failed requests at one request every 20 ms. */
const promised = { nothing: 0, crash: 5, cut: 35 };

progress(`two nodes, each director and real server; a client asks for ${VIP} 50 times a second`);
progress("building the switch, the client, and the nodes with nginx");
await using lab = await Lab.create("demo", streamlined);
const nodes = ["n1", "n2"].map((name) => new TroopNode(lab, lab.host(name)));
const servers = await Promise.all(nodes.map((node) => startWebServer(lab, node.host)));
const webServers = new Map(nodes.map((node, index) => [node.name, servers[index]!]));
progress("n1: troop init; troop run    n2: troop join 192.168.6.4 --token …; troop run");
await startCluster(nodes);
progress(`n1: troop service add ${VIP}:80 --scheduler rr --check … --expect 'Test Page'`);
await nodes[0]!.program(...addService(VIP, "rr"));
const { holder, others } = await awaitOneHolder(VIP, nodes);
const other = others[0]!;
for (const node of nodes) await awaitServersUp(node, VIP, { count: nodes.length });
const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
const load = await Load.start(lab.host("client"), { address: VIP });

const chapters: readonly Chapter[] = [
  {
    event: "all is well: the client asks 50 times a second",
    act: () => Promise.resolve(),
    watchMs: CALM_MS,
    failedMax: promised.nothing,
  },
  {
    event: `${other.name}: web server killed with -9`,
    act: () => webServers.get(other.name)!.end("SIGKILL"),
    watchMs: FAULT_MS,
    failedMax: promised.crash,
  },
  {
    event: `${other.name}: web server started again`,
    act: () => startWebServer(lab, other.host),
    watchMs: CALM_MS,
    failedMax: promised.nothing,
  },
  {
    event: `${holder.name}: cut off the network, both cables, silently`,
    act: () => lab.cut(holder.host),
    watchMs: FAULT_MS,
    failedMax: promised.cut,
  },
  {
    event: `${holder.name}: cables back`,
    act: () => lab.heal(holder.host),
    watchMs: FAULT_MS,
    failedMax: promised.nothing,
  },
  {
    event: `${other.name}: agent killed with -9`,
    act: () => other.agent.end("SIGKILL"),
    watchMs: FAULT_MS,
    failedMax: promised.crash,
  },
  {
    event: `${other.name}: agent started again`,
    act: () => other.run(),
    watchMs: CALM_MS,
    failedMax: promised.nothing,
  },
  {
    event: `operator: troop vip move ${VIP} ${other.name}`,
    act: () => holder.program("vip", "move", VIP, other.name),
    watchMs: CALM_MS,
    failedMax: promised.nothing,
  },
  {
    event: `${other.name}: agent asked to end with SIGTERM`,
    act: () => other.agent.end("SIGTERM"),
    watchMs: CALM_MS,
    failedMax: promised.nothing,
  },
];

const timeline = new Timeline();
const problems: string[] = [];
timeline.begin();
let since = Date.now();
let told = watch.changes.length;
for (const chapter of chapters) {
  const seen = await play(chapter);
  if (seen.failed > chapter.failedMax) {
    problems.push(`${chapter.event}: ${seen.failed} failed requests, at most ${chapter.failedMax}`);
  }
}
const total = await load.stop();
if (watch.holders.join() !== holder.name) {
  problems.push(`the VIP is on ${watch.holders.join(" and ") || "nobody"} at the end`);
}
verdict(
  problems,
  `${total.requests} requests, ${total.failed} failed, longest silence ${
    (total.silenceMs / 1000).toFixed(2)
  } s`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Plays one chapter, and tells what the cluster did and what the client saw. */
async function play(chapter: Chapter): Promise<LoadSummary> {
  timeline.event(chapter.event, watch.holders);
  const watching = Bun.sleep(chapter.watchMs);
  const acting = chapter.act();
  const ticker = setInterval(tellChanges, 50);
  await Promise.all([watching, acting]);
  clearInterval(ticker);
  tellChanges();
  const until = Date.now();
  // A request without an answer is known to have failed a second after it was sent: wait for the last.
  await Bun.sleep(1_100);
  const seen = summarize(load.lines.filter((line) => line.at >= since && line.at < until));
  since = until;
  timeline.client(seen);
  return seen;
}

function tellChanges(): void {
  for (; told < watch.changes.length; told += 1) {
    const change = watch.changes[told]!;
    const text = change.has ? `${change.host} takes the VIP` : `${change.host} lets the VIP go`;
    timeline.consequence(change.at, { text, holders: change.holders });
  }
}
