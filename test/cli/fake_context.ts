/**
 * The outside world of the command line, in memory: streams that are read afterwards, a machine, files in a map, and a
 * member that answers.
 */
import { type Config, configSchema } from "../../src/core/config.ts";
import { type Home, homeIn, SYSTEM_HOME } from "../../src/core/home.ts";
import type { HostFacts } from "../../src/core/host.ts";
import { Refusal } from "../../src/core/refusal.ts";
import type {
  CliContext,
  ConfigDraft,
  HelloAnswer,
  Output,
  RunningAgent,
} from "../../src/cli/context.ts";
import { runCli } from "../../src/cli/program.ts";
import type { Endpoint } from "../../src/core/address.ts";
import { FakeOperations } from "../http/fake_operations.ts";

/** A token of the right form. */
export const TOKEN = `troop1-${"0123456789abcdef".repeat(4)}`;

/** What one call printed and returned. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A stream that remembers. */
class Recorded implements Output {
  text = "";
  isTty = false;
  columns: number | undefined = undefined;

  write(text: string): void {
    this.text += text;
  }
}

/** See the head of this file. */
export class FakeWorld {
  readonly operations = new FakeOperations();
  readonly env: Record<string, string | undefined> = {};
  /** Configs by path. */
  readonly files = new Map<string, Config>();
  readonly warnings: string[] = [];
  tty: { readonly columns: number } | undefined;
  facts: HostFacts = {
    hostname: "n1.example.org",
    defaultInterface: "eth0",
    links: [
      { name: "eth0", addresses: ["192.0.2.11"] },
      { name: "eth1", addresses: ["10.0.0.11", "10.0.0.12"] },
    ],
  };
  answer: HelloAnswer | Error = {
    cluster: "web",
    members: [{ name: "n2", id: "2".repeat(16), addresses: ["192.0.2.12", "10.0.0.99"] }],
  };
  readonly asked: { readonly member: Endpoint; readonly token: string }[] = [];
  readonly contacted: string[] = [];
  readonly ran: { readonly home: Home; readonly config: Config }[] = [];
  runResult: number | Error = 0;
  stdin = "";
  /** Files that a person names, by path, and which of them are for their owner alone. */
  readonly texts = new Map<string, string>();
  readonly secretTexts = new Set<string>();
  /** What was asked at the terminal, and what the person answers; null: nobody sits there. */
  readonly questions: string[] = [];
  reply: string | null = null;
  /** First lines of files, by path. */
  readonly secrets = new Map<string, string>();
  /** 2 January 2026, 12:00:01 UTC. */
  wallMs = Date.UTC(2026, 0, 2, 12, 0, 1);
  /** What happens while a command sleeps. */
  onSleep: () => void = () => {};
  change: Partial<CliContext> = {};

  /** Runs one call, given as one word per argument. */
  async call(...argv: string[]): Promise<Outcome> {
    const stdout = new Recorded();
    const stderr = new Recorded();
    if (this.tty !== undefined) {
      stdout.isTty = true;
      stdout.columns = this.tty.columns;
    }
    const code = await runCli(argv, { ...this.#context(stdout, stderr), ...this.change });
    return { code, out: stdout.text, err: stderr.text };
  }

  #context(stdout: Output, stderr: Output): CliContext {
    return {
      version: "1.2.3",
      env: this.env,
      stdout,
      stderr,
      findHome: (option) => {
        const folder = option ?? this.env["TROOP_HOME"];
        return folder === undefined ? SYSTEM_HOME : homeIn(folder);
      },
      hostFacts: async () => this.facts,
      readConfig: (home) => {
        const config = this.files.get(home.config);
        if (config !== undefined) return { config, warnings: this.warnings };
        throw new Refusal({
          attempted: `read ${home.config}`,
          problem: "there is no such file",
          remedy: "run `troop init`",
        });
      },
      refuseExisting: (home, attempted) => this.#refuseExisting(home, attempted),
      createConfig: (home, draft: ConfigDraft, attempted) => {
        this.#refuseExisting(home, attempted);
        this.files.set(home.config, configSchema.parse(draft));
      },
      newToken: () => TOKEN,
      hello: async (member, token) => {
        this.asked.push({ member, token });
        if (this.answer instanceof Error) throw this.answer;
        return this.answer;
      },
      connect: (home) => {
        this.contacted.push(home.socket);
        return {
          ...bind(this.operations),
          status: () => this.operations.status(),
          document: async () => this.operations.document(),
          history: async () => this.operations.history(),
        };
      },
      runAgent: async (home, config) => {
        this.ran.push({ home, config });
        if (this.runResult instanceof Error) throw this.runResult;
        return this.runResult;
      },
      diagnose: async () => [],
      readFirstLine: (path) => {
        const line = this.secrets.get(path);
        if (line === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
        return line;
      },
      serveSorryPage: () => Promise.resolve(),
      wallMs: () => this.wallMs,
      sleep: async (ms) => {
        this.wallMs += ms;
        this.onSleep();
      },
      readStdin: async () => this.stdin,
      ...this.#namedFiles(),
      ask: async (question) => {
        this.questions.push(question);
        return this.reply;
      },
    };
  }

  #namedFiles(): Pick<CliContext, "readText" | "writeText"> {
    return {
      readText: (path) => {
        const text = this.texts.get(path);
        if (text !== undefined) return text;
        throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      },
      writeText: (path, text, secret) => {
        this.texts.set(path, text);
        if (secret) this.secretTexts.add(path);
      },
    };
  }

  #refuseExisting(home: Home, attempted: string): void {
    if (!this.files.has(home.config)) return;
    throw new Refusal({ attempted, problem: `${home.config} exists`, remedy: "move it away" });
  }
}

/** The calls of a running agent, which may be taken from it one by one. */
function bind(operations: FakeOperations): Omit<RunningAgent, "status" | "document" | "history"> {
  return {
    apply: (order) => operations.apply(order),
    undo: (order) => operations.undo(order),
    table: () => operations.table(),
    connections: (filter) => operations.connections(filter),
    events: (query) => operations.events(query),
    addService: (service) => operations.addService(service),
    setService: (name, change) => operations.setService(name, change),
    removeService: (name) => operations.removeService(name),
    addServer: (name, server, settings) => operations.addServer(name, server, settings),
    setServer: (name, server, change) => operations.setServer(name, server, change),
    removeServer: (name, server, now) => operations.removeServer(name, server, now),
    addVip: (vip, settings) => operations.addVip(vip, settings),
    setVip: (vip, change) => operations.setVip(vip, change),
    removeVip: (vip) => operations.removeVip(vip),
    moveVip: (vip, node) => operations.moveVip(vip, node),
    drain: (server, order) => operations.drain(server, order),
    undrain: (server, service) => operations.undrain(server, service),
    setSetting: (name, value) => operations.setSetting(name, value),
    forget: (node) => operations.forget(node),
    rotateToken: (order) => operations.rotateToken(order),
    abortRotation: () => operations.abortRotation(),
    finishRotation: () => operations.finishRotation(),
    leave: () => operations.leave(),
  };
}
