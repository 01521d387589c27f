/**
 * Everything the command line needs from outside: writers, environment, and functions that do things. main.ts gives
 * the real ones, tests give theirs.
 */
import type { Endpoint } from "../core/address.ts";
import type { Ip } from "../core/address.ts";
import type { Config } from "../core/config.ts";
import type { HistoryView } from "../core/document/document_orders.ts";
import type { Snapshot } from "../core/document/document_wire.ts";
import type { Home } from "../core/home.ts";
import type { HostFacts } from "../core/host.ts";
import type { Status } from "../core/status/status.ts";
import type { Finding, Operations } from "../ports.ts";

/** A stream of text for a person or a program. */
export interface Output {
  write(text: string): void;
  readonly isTty: boolean;
  /** Width of the terminal in characters; undefined when it is none. */
  readonly columns: number | undefined;
}

/** What a member tells a machine that wants to join. */
export interface HelloAnswer {
  readonly cluster: string;
  readonly members: readonly HelloMember[];
}

/** A member of the cluster, as far as a newcomer has to know it. */
export interface HelloMember {
  readonly name: string;
  readonly id: string;
  readonly addresses: readonly Ip[];
}

/** A running agent. Every call rejects with a Refusal when it cannot be reached or refuses. */
export interface RunningAgent
  extends Omit<Operations, "status" | "counters" | "document" | "history" | "by"> {
  status(): Promise<Status>;
  document(): Promise<Snapshot>;
  history(): Promise<readonly HistoryView[]>;
}

/** What `init` and `join` write: everything that has a default may be missing. */
export type ConfigDraft =
  & Pick<Config, "cluster" | "name" | "interface" | "address" | "token">
  & { readonly [Key in keyof Config]?: Config[Key] | undefined };

/** See the head of this file. */
export interface CliContext {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** The files of the node: of `--home`, of TROOP_HOME, or the system's. */
  findHome(option: string | undefined): Home;
  /** This machine, on which the node of this home is to be. */
  hostFacts(home: Home): Promise<HostFacts>;
  /** Throws a Refusal; its cause may be a list of all problems, one line each. */
  readConfig(home: Home): { readonly config: Config; readonly warnings: readonly string[] };
  /** Refuses when the node's file is there; `attempted` begins the refusal. */
  refuseExisting(home: Home, attempted: string): void;
  /** Writes a new file, durably, for its owner alone; refuses when one is there. */
  createConfig(home: Home, draft: ConfigDraft, attempted: string): void;
  newToken(): string;
  /** Asks a member who is in the cluster. Throws a Refusal for a wrong token or an unreachable member. */
  hello(member: Endpoint, token: string): Promise<HelloAnswer>;
  /** The agent of this home; nothing is contacted before the first call. */
  connect(home: Home): RunningAgent;
  /** Runs the agent until it is told to stop; the exit code. */
  runAgent(home: Home, config: Config): Promise<number>;
  diagnose(home: Home): Promise<readonly Finding[]>;
  /** The first line of a file, for a secret that must not be typed. Throws what the system says. */
  readFirstLine(path: string): string;
  /** Serves the sorry page as told on standard input, until that ends. */
  serveSorryPage(): Promise<void>;
  /** Wall clock, ms since 1970. */
  wallMs(): number;
  /** Lets time pass, ms. */
  sleep(ms: number): Promise<void>;
  /** All of standard input, for `--token -` and `apply -f -`. */
  readStdin(): Promise<string>;
  /** A whole file. Throws what the system says. */
  readText(path: string): string;
  /** Replaces a file, whole or not at all; a secret one is for its owner alone. Throws what the system says. */
  writeText(path: string, text: string, secret: boolean): void;
  /** What a person at a terminal answers to a question; null where nobody sits there. */
  ask(question: string): Promise<string | null>;
}
