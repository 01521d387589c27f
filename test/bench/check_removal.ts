/**
 * How long a real server that fails stays in the kernel's table, and how long one that is repaired stays out of it.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { wallMs } from "../lab/client_common.ts";
import type { Host } from "../lab/host.ts";
import { Lab } from "../lab/lab.ts";
import type { LabProcess } from "../lab/process.ts";
import { startWebServer } from "../lab/web_server.ts";
import { type CheckedKind, type CheckSubject, checkSubjects } from "./check_subjects.ts";
import { median } from "./median.ts";
import { RowWatch } from "./row_watch.ts";
import { VIP } from "./subject.ts";

/** Each fault so often; the median counts. */
const ROUNDS = 3;
/** Peace before a fault and a repair, ms, and how much more of it in each further round: they come at all parts of the interval. */
const REST_MS = 1_000;
const PHASE_MS = 333;
/** How often the row is looked at, ms: the grain of the figures. */
const LOOK_MS = 20;
/** Time for both servers to be in the table at the start, ms. */
const START_LIMIT_MS = 30_000;
/** A fault that is not noticed by then never is, ms: several intervals and timeouts. */
const NOTICE_LIMIT_MS = 8_000;

/** The server that fails. */
interface Site {
  readonly lab: Lab;
  readonly host: Host;
  webServer: LabProcess;
}

interface Fault {
  readonly name: string;
  readonly kinds: readonly CheckedKind[];
  cause(site: Site): Promise<unknown>;
  repair(site: Site): Promise<unknown>;
}

const faults: readonly Fault[] = [
  {
    name: "killed, port closed",
    kinds: ["http", "tcp", "external", "member"],
    cause: ({ webServer }) => webServer.end("SIGKILL"),
    async repair(site) {
      site.webServer = await startWebServer(site.lab, site.host);
    },
  },
  {
    name: "stopped, accepts and hangs",
    kinds: ["http", "tcp", "external", "member"],
    cause: ({ webServer }) => Promise.resolve(webServer.signal("SIGSTOP")),
    repair: ({ webServer }) => Promise.resolve(webServer.signal("SIGCONT")),
  },
  {
    name: "wrong page",
    kinds: ["http", "member"],
    cause: (site) => Promise.resolve(writePage(site, "We are sorry")),
    repair: (site) => Promise.resolve(writePage(site, `Test Page of ${site.host.name}`)),
  },
];

/** The file that {@link startWebServer} serves. */
function writePage({ lab, host }: Site, text: string): void {
  writeFileSync(join(lab.scratch, `nginx-${host.name}`, "html/index.html"), `${text}\n`);
}

/** One fault of one kind of check under the eyes of one subject. */
export interface RemovalMeasurement {
  readonly subject: string;
  readonly kind: CheckedKind;
  readonly fault: string;
  /** From the fault until the kernel gives the server nothing, ms, each round; none: it was not noticed. */
  readonly removalsMs: readonly number[];
  /** From the repair, the start of its program included, until the kernel gives it something, ms. */
  readonly returnsMs: readonly number[];
}

/** Measures every fault of every kind with everybody who knows the kind; `attempt` may lose one of them. */
export async function measureRemovals(
  attempt: <T>(what: string, work: () => Promise<T>) => Promise<T | undefined>,
): Promise<RemovalMeasurement[]> {
  const measured: RemovalMeasurement[] = [];
  for (const subject of checkSubjects) {
    for (const kind of subject.kinds) {
      const what = `checks, ${kind}: ${subject.name}`;
      measured.push(...await attempt(what, () => measureKind(subject, kind)) ?? []);
    }
  }
  return measured;
}

async function measureKind(
  subject: CheckSubject,
  kind: CheckedKind,
): Promise<RemovalMeasurement[]> {
  await using lab = await Lab.create(`bench-check-${kind}-${subject.name}`, [
    { name: "n1", number: 4 },
    { name: "s1", number: 21 },
    { name: "s2", number: 22 },
  ]);
  const director = lab.host("n1");
  const servers = [lab.host("s1"), lab.host("s2")] as const;
  const [webServer] = await Promise.all(servers.map((server) => startWebServer(lab, server)));
  const site: Site = { lab, host: servers[0], webServer: webServer! };
  await subject.start({ lab, director, servers }, kind);
  const watch = await RowWatch.start({ host: director, address: VIP, port: 80, everyMs: LOOK_MS });
  await watch.since(
    (weights) => servers.every(({ address }) => (weights[address] ?? 0) > 0),
    { what: `${subject.name} has both servers in the table`, limitMs: START_LIMIT_MS },
  );
  const measured: RemovalMeasurement[] = [];
  for (const fault of faults.filter(({ kinds }) => kinds.includes(kind))) {
    measured.push({ subject: subject.name, kind, ...await measureFault(site, watch, fault) });
  }
  return measured;
}

async function measureFault(site: Site, watch: RowWatch, fault: Fault) {
  const removalsMs: number[] = [];
  const returnsMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const restMs = REST_MS + round * PHASE_MS;
    await Bun.sleep(restMs);
    const failedAt = wallMs();
    await fault.cause(site);
    const removedAt = await moment(watch, site, { isIn: false, afterMs: failedAt });
    await Bun.sleep(restMs);
    const repairedAt = wallMs();
    await fault.repair(site);
    if (removedAt === null && round > 0) throw new Error(`${fault.name}: noticed only sometimes`);
    if (removedAt === null) break;
    const backAt = await moment(watch, site, { isIn: true, afterMs: repairedAt });
    if (backAt === null) throw new Error(`${fault.name}: repaired, and not back in the table`);
    removalsMs.push(removedAt - failedAt);
    returnsMs.push(backAt - repairedAt);
  }
  return { fault: fault.name, removalsMs, returnsMs };
}

/** When the server got into the table or out of it; null: not within the limit. */
async function moment(
  watch: RowWatch,
  { host }: Site,
  { isIn, afterMs }: { readonly isIn: boolean; readonly afterMs: number },
): Promise<number | null> {
  return await watch.since(
    (weights) => (weights[host.address] ?? 0) > 0 === isIn,
    { what: `${host.name} is noticed`, limitMs: NOTICE_LIMIT_MS, afterMs },
  ).catch(() => null);
}

/** The median of all rounds and the longest of them, s. */
export function inSeconds(timesMs: readonly number[]): string {
  const seconds = (ms: number) => (ms / 1_000).toFixed(2);
  return `${seconds(median(timesMs))} (${seconds(Math.max(...timesMs))})`;
}
