/**
 * A process with some members of a growing cluster. Reads one JSON order per line from standard input, writes one
 * JSON answer per line to standard output; ends with its input.
 */
import { createInterface } from "node:readline";
import { serviceSchema } from "../../src/core/service/service.ts";
import { checkSchema } from "../../src/core/check.ts";
import { type Member, type MemberCounts, startMember } from "./member.ts";

/** What this process is to run: `first` to `last`, all of one cluster. */
export interface MembersPlan {
  readonly first: number;
  readonly last: number;
  readonly token: string;
  readonly folder: string;
  readonly port: number;
  readonly seed: string;
}

/** What the parent asks for. */
export type Order =
  | { readonly order: "sample" }
  /** Adds a service for a VIP by this process's first member. */
  | { readonly order: "edit"; readonly vip: string };

/** What a process tells. Wall clock in ms: all processes run on one machine. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "edited"; readonly atMs: number }
  | { readonly kind: "sample"; readonly sample: Sample }
  | {
    readonly kind: "change";
    readonly node: string;
    readonly atMs: number;
    readonly text: string;
  }
  /** A member has this VIP in its document. */
  | { readonly kind: "knows"; readonly node: string; readonly vip: string; readonly atMs: number };

/** What a process has used and counted so far. */
export interface Sample {
  readonly atMs: number;
  /** Processor time, user and system, ms. */
  readonly processorMs: number;
  readonly memoryBytes: number;
  readonly members: readonly (MemberCounts & {
    readonly node: string;
    readonly alive: number;
    readonly holds: number;
    readonly connected: number;
    readonly vips: number;
  })[];
}

const plan = JSON.parse(process.argv[2] ?? "") as MembersPlan;
const members: { readonly name: string; readonly member: Member }[] = [];

function answer(value: Answer): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

for (let index = plan.first; index <= plan.last; index++) {
  const name = `n${index}`;
  const member = await startMember({
    ...plan,
    index,
    seeds: index === 1 ? [] : [{ address: plan.seed, port: plan.port }],
    priority: index === 1 ? 200 : 100,
    onChange: ({ text }) => answer({ kind: "change", node: name, atMs: Date.now(), text }),
    onVips: newVips((vip) => answer({ kind: "knows", node: name, vip, atMs: Date.now() })),
  });
  members.push({ name, member });
}
createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line) as Order;
  if (order.order === "sample") answer({ kind: "sample", sample: sample() });
  else void edit(order.vip);
}).on("close", () => process.exit(0));
answer({ kind: "ready" });

/** Takes the VIPs of a document again and again, and tells each once. */
function newVips(tell: (vip: string) => void): (vips: readonly string[]) => void {
  const known = new Set<string>();
  return (vips) => {
    for (const vip of vips) {
      if (known.has(vip)) continue;
      known.add(vip);
      tell(vip);
    }
  };
}

async function edit(vip: string): Promise<void> {
  const service = serviceSchema.parse({
    address: vip,
    port: 80,
    protocol: "tcp",
    scheduler: "wlc",
    forwarding: "dr",
    check: checkSchema.parse({ kind: "http", port: null }),
  });
  const atMs = Date.now();
  await members[0]?.member.store.edit([{ kind: "putService", service }]);
  answer({ kind: "edited", atMs });
}

function sample(): Sample {
  const { user, system } = process.cpuUsage();
  return {
    atMs: Date.now(),
    processorMs: (user + system) / 1_000,
    memoryBytes: process.memoryUsage().rss,
    members: members.map(({ name, member }) => {
      const { state } = member.agent;
      const peers = [...state.peers.values()];
      return {
        ...member.counts(),
        node: name,
        alive: peers.filter((peer) => peer.life.state === "alive").length,
        holds: [...state.holds.values()].filter((hold) => hold.phase === "holding").length,
        connected: member.connected(),
        vips: state.vips.length,
      };
    }),
  };
}
