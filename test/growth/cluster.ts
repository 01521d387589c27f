/**
 * A cluster of real members in a few processes of this machine. Node n1 has a process of its own, so that its
 * machine can fall silent (SIGSTOP); the others share processes, which is how more of them fit.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newToken } from "../../src/shell/files/token.ts";
import { waitFor } from "../lab/wait.ts";
import { addressOfMember } from "./member.ts";
import type { Answer, MembersPlan, Order, Sample } from "./members.ts";

const PORT = 6940;
/** Processes beside the one of n1: one core each. */
const PROCESSES = 4;
/** Time for one process to start its members and for all to meet, ms. */
const START_LIMIT_MS = 180_000;
const ANSWER_LIMIT_MS = 30_000;

/** What happened in the cluster, as its members logged it. */
export type Happening = Extract<Answer, { kind: "change" | "knows" }>;

interface Process {
  readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly first: number;
  readonly last: number;
  readonly answers: Answer[];
}

/** One moment of a whole cluster. */
export interface Moment {
  readonly atMs: number;
  /** The process of n1 alone, and the others. */
  readonly first: Sample;
  readonly others: readonly Sample[];
  /** Bytes and packets that went through the loopback interface: all traffic, with headers and acknowledgements. */
  readonly wire: { readonly bytes: number; readonly packets: number };
}

/** See the head of this file. */
export class GrowthCluster implements AsyncDisposable {
  readonly count: number;
  readonly happenings: Happening[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "troop-growth-"));
  readonly #processes: Process[] = [];
  #vips = 0;

  private constructor(count: number) {
    this.count = count;
  }

  /** Starts so many members; resolves when each sees all others alive and is connected to them. */
  static async start(
    count: number,
    told?: (cluster: GrowthCluster) => void,
  ): Promise<GrowthCluster> {
    const cluster = new GrowthCluster(count);
    told?.(cluster);
    const token = newToken();
    for (const [first, last] of shares(count)) {
      cluster.#spawn({
        ...{ first, last, token },
        folder: cluster.#folder,
        port: PORT,
        seed: addressOfMember(1),
      });
    }
    try {
      await waitFor(() => cluster.#processes.every(({ answers }) => answers.length > 0), {
        what: `${count} members start`,
        limitMs: START_LIMIT_MS,
      });
      await waitFor(() => cluster.#isWhole(), {
        what: `${count} members see each other`,
        limitMs: START_LIMIT_MS,
      });
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  #spawn(plan: MembersPlan): void {
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "members.ts"), JSON.stringify(plan)],
      { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    );
    const answers: Answer[] = [];
    this.#processes.push({ child, first: plan.first, last: plan.last, answers });
    void this.#read(child.stdout, answers);
  }

  async #read(stdout: ReadableStream<Uint8Array>, answers: Answer[]): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer = JSON.parse(line) as Answer;
        if (answer.kind === "change" || answer.kind === "knows") this.happenings.push(answer);
        else answers.push(answer);
      }
    }
  }

  async #isWhole(): Promise<boolean> {
    const { first, others } = await this.moment();
    const members = [first, ...others].flatMap((sample) => sample.members);
    const missing = members.filter(({ alive, connected }) =>
      alive < this.count - 1 || connected < this.count - 1
    );
    if (missing.length > 0) throw new Error(`${missing.length} do not see all others`);
    return true;
  }

  /** What everybody has used and counted by now. */
  async moment(): Promise<Moment> {
    const samples = await Promise.all(this.#processes.map((item) => this.#sample(item)));
    return {
      atMs: Date.now(),
      first: samples[0]!,
      others: samples.slice(1),
      wire: wire(),
    };
  }

  async #sample({ child, answers }: Process): Promise<Sample> {
    const before = answers.length;
    tell(child, { order: "sample" });
    return await waitFor(
      () => answers.slice(before).find((item) => item.kind === "sample")?.sample,
      {
        what: "a process tells what it has counted",
        limitMs: ANSWER_LIMIT_MS,
      },
    );
  }

  /** Adds a service for a new VIP, on n1 or on another member; resolves with the moment it was asked for. */
  async edit(vip: string, where: "first" | "other"): Promise<number> {
    const { child, answers } = this.#processes.at(where === "first" ? 0 : -1)!;
    const before = answers.length;
    tell(child, { order: "edit", vip });
    return await waitFor(() => answers.slice(before).find((item) => item.kind === "edited")?.atMs, {
      what: `the service for ${vip} is entered`,
      limitMs: ANSWER_LIMIT_MS,
    });
  }

  /** A VIP that the cluster does not have yet. */
  newVip(): string {
    return `10.77.200.${++this.#vips}`;
  }

  /** Silences the machine of n1 without a word to anybody: the moment, wall clock in ms. */
  silenceFirst(): number {
    const atMs = Date.now();
    this.#processes[0]!.child.kill("SIGSTOP");
    return atMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#processes) child.kill("SIGKILL");
    await Promise.all(this.#processes.map(({ child }) => child.exited));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function tell(child: Process["child"], order: Order): void {
  child.stdin.write(`${JSON.stringify(order)}\n`);
  child.stdin.flush();
}

/** The members of each process: n1 alone, the others in equal shares. */
function shares(count: number): [number, number][] {
  const rest = count - 1;
  const processes = Math.min(PROCESSES, rest);
  const ranges: [number, number][] = [[1, 1]];
  for (let index = 0; index < processes; index++) {
    const first = 2 + Math.floor(index * rest / processes);
    ranges.push([first, 1 + Math.floor((index + 1) * rest / processes)]);
  }
  return ranges;
}

/** Counters of the loopback interface (proc(5), net/dev): what is sent is what is received. */
function wire(): Moment["wire"] {
  const line = readFileSync("/proc/net/dev", "utf8").split("\n").find((text) =>
    text.trim().startsWith("lo:")
  );
  const [bytes = 0, packets = 0] = (line ?? "").split(":")[1]?.trim().split(/\s+/).map(Number) ??
    [];
  return { bytes, packets };
}
