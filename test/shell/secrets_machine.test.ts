/**
 * Secrets of a real agent: planted wherever one can be entered, and looked for in all it prints, tells, serves and writes.
 * The agent runs in a network namespace beside a server that repeats every word it is told.
 */
import { afterAll, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { homeIn } from "../../src/core/home.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { FakeWorld } from "../cli/fake_context.ts";
import { run, tryRun } from "../kernel/guest.ts";
import { eventually } from "../support/eventually.ts";
import { tempFolder } from "../support/temp_folder.ts";

const SPACE = `troop-secrets-${process.pid}`;
const MAIN = resolve(import.meta.dir, "../../src/main.ts");
const ADDRESS = "192.0.2.11";
/** The server that repeats what it is told, and its port for web hooks. */
const [PARROT_PORT, HOOK_PORT] = [2_525, 2_526];
/** What is said of a server that was not asked yet. */
const NOT_YET = /not probed|yet/;
/** Begins every planted secret. */
const MARK = "S3CR3T";

const problem = process.getuid?.() === 0 ? null : "it needs root, to make a network namespace";
if (problem !== null) process.stdout.write(`secrets of a real agent are not tried: ${problem}\n`);
const started: Bun.Subprocess[] = [];
afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await Promise.all(started.map((child) => child.exited));
  tryRun(`ip netns del ${SPACE}`);
});

/** Repeats every line behind a refusal, in the words of SMTP; on the other port says no to HTTP, and repeats the request. */
const PARROT = `
const text = (data) => Buffer.from(data).toString("latin1");
const listen = (port, data) => Bun.listen({ hostname: "${ADDRESS}", port, socket: {
  open(socket) { if (port === ${PARROT_PORT}) socket.write("220 parrot\\r\\n"); }, data } });
listen(${PARROT_PORT}, (socket, data) => socket.write(text(data).replace(/^/gm, "535 ") + "\\r\\n"));
listen(${HOOK_PORT}, (socket, data) => socket.end("HTTP/1.1 403 No\\r\\ncontent-length: 0\\r\\nx: " +
  text(data).split("\\r\\n")[0] + "\\r\\n\\r\\n"));
console.log("ready");
`;

function inside(...command: string[]): string[] {
  return ["ip", "netns", "exec", SPACE, ...command];
}

/** Starts a program; what it prints, both ways, goes on coming. */
function start(command: string[]): { readonly output: () => string } {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  started.push(child);
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  };
  void collect(child.stdout);
  void collect(child.stderr);
  return { output: () => text };
}

/** Secrets by what they are; `plain`: for options that take a line. */
const secret = (what: string) => `${MARK}-${what}`;

/** Checks that log in, with the options that hold their secrets. */
const checks: readonly string[][] = [
  ["smtp://:2525", "user=probe", `password=${secret("smtp")}`],
  ["imap://:2525", "user=probe", `password=${secret("imap")}`],
  ["pop3://:2525", "user=probe", `password=${secret("pop3")}`],
  ["ftp://:2525", "user=probe", `password=${secret("ftp")}`],
  ["nntp://:2525", "user=probe", `password=${secret("nntp")}`],
  ["redis://:2525", `password=${secret("redis")}`],
  ["ldap://:2525/dc=example,dc=org", "user=cn=probe", `password=${secret("ldap")}`],
  ["mysql://:2525/shop", "user=probe", `password=${secret("mysql")}`],
  ["postgresql://:2525/shop", "user=probe", `password=${secret("postgresql")}`],
  ["radius://:2525", `secret=${secret("radius")}`, "user=probe", `password=${secret("pap")}`],
  ["http://:2525/", `header=Authorization: Bearer ${secret("bearer")}`],
  ["http://:2525/", `header=Cookie: session=${secret("cookie")}`],
];

/** Writes the node's file, with a hook that cannot work and one whose receiver says no. */
function writeConfig(home: string): void {
  const init = Bun.spawnSync(
    inside(process.execPath, MAIN, "--home", home, "init", "--name", "n1", "--interface", "eth0"),
  );
  expect(init.exitCode).toBe(0);
  const file = join(home, "troop.yaml");
  const config = parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  const hooks = [
    { name: "chat", webhook: `http://${ADDRESS}:${HOOK_PORT}/hooks/${secret("hook")}?t=${MARK}` },
    { name: "gone", webhook: `http://${ADDRESS}:1/${secret("hook")}`, timeoutMs: 500 },
    { name: "fails", command: ["/bin/false", secret("argument")] },
  ];
  const changed = { ...config, director: false, log: "trace", hooks };
  writeFileSync(file, stringify(changed), { mode: 0o600 });
}

/** Everything under a folder that others than its owner can read, and has the mark in it. */
function openFilesWith(folder: string, marks: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const file = join(folder, name);
    if (!lstatSync(file).isFile() || (statSync(file).mode & 0o077) === 0) return false;
    const text = readFileSync(file, "latin1");
    return marks.some((mark) => text.includes(mark));
  });
}

/** Commands, each for people and for programs. */
function lines(commands: readonly string[]): string[][] {
  return commands.flatMap((text) => [text.split(" "), [...text.split(" "), "--json"]]);
}

/** Waits until every service has been answered in the server's own words, or not at all. */
async function everyCheckFailed(home: string): Promise<void> {
  let reasons: string[] = [];
  for (let turn = 0; turn < 150; turn++) {
    const { services } = await adminClient(homeIn(home)).status();
    reasons = services.flatMap(({ servers }) => servers.map(({ reason }) => reason));
    if (reasons.length === checks.length && !reasons.some((text) => NOT_YET.test(text))) return;
    await Bun.sleep(100);
  }
  throw new Error(`not every check has failed: ${reasons.join("; ")}`);
}

/** Makes the namespace, and waits for the server in it. */
async function makeSpace(): Promise<void> {
  run(`ip netns add ${SPACE}
    ip -n ${SPACE} link set lo up
    ip -n ${SPACE} link add eth0 type veth peer name far0
    ip -n ${SPACE} address add ${ADDRESS}/24 dev eth0
    ip -n ${SPACE} link set far0 up
    ip -n ${SPACE} link set eth0 up`);
  const parrot = start(inside(process.execPath, "-e", PARROT));
  await eventually("the parrot is ready", () => parrot.output().includes("ready"));
}

/** What a person does at a node, and all that he was told. */
class Person {
  readonly home: string;
  readonly told: string[] = [];
  readonly #world = new FakeWorld();

  constructor(home: string) {
    this.home = home;
    this.#world.change = { connect: adminClient };
  }

  /** Types a command that the agent answers. */
  async troop(...words: string[]): Promise<string> {
    const { out, err } = await this.#world.call("--home", this.home, ...words);
    this.told.push(out + err);
    return out + err;
  }

  /** The same by a process of its own, for what looks at the machine. */
  program(...words: string[]): void {
    const command = [process.execPath, MAIN, "--home", this.home, ...words];
    const { stdout, stderr } = Bun.spawnSync(command);
    this.told.push(`${stdout}${stderr}`);
  }

  /** Enters every check, and makes mistakes: his words are repeated to him then, but not his secrets. */
  async enterChecks(): Promise<void> {
    for (const [index, [url = "", ...settings]] of checks.entries()) {
      const options = [...settings, "interval=200ms", "timeout=500ms"]
        .flatMap((text) => ["--check-set", text]);
      const name = `192.0.2.240:${8_000 + index}${url.startsWith("radius") ? "/udp" : ""}`;
      const answer = await this.troop("service", "add", name, "--check", url, ...options);
      expect(answer).toContain("added");
    }
    const mistaken = ["service", "set", "192.0.2.240:8000", "--check-set"];
    await this.troop(...mistaken, `password=${secret("x")}\n`);
    await this.troop(...mistaken, `secret=${secret("y")}\u0007`);
  }

  /** Asks for all there is. */
  async askAll(token: string): Promise<void> {
    const lists = ["status", "service list", "events", "settings", "vip list", "server list"];
    for (const line of [...lines(lists), ...lines(["table", "connections"]), ["export"]]) {
      await this.troop(...line);
    }
    this.program("doctor", "--json");
    this.program("join", ADDRESS, "--token", `${token}x`);
    const paths = ["/", "/api/v1/status", "/metrics", "/healthz", "/none"];
    const code = `for (const path of ${JSON.stringify(paths)})
      console.log(await (await fetch("http://127.0.0.1:6941" + path)).text());`;
    this.told.push(String(Bun.spawnSync(inside(process.execPath, "-e", code)).stdout));
  }

  /** Starts with files that cannot be read as they should: the words about them are not their content. */
  startWithMistakes(token: string): void {
    const file = join(this.home, "troop.yaml");
    const text = readFileSync(file, "utf8");
    const broken = [text.replace(token, `${token}0`), text.replace("http://", "gopher://")];
    for (const mistake of broken) {
      writeFileSync(file, mistake);
      this.program("run");
    }
    writeFileSync(file, text);
  }
}

async function tryAll(): Promise<void> {
  await makeSpace();
  const home = join(tempFolder(), "home");
  mkdirSync(home, { recursive: true });
  writeConfig(home);
  const token = /troop1-[0-9a-f]{64}/.exec(readFileSync(join(home, "troop.yaml"), "utf8"))?.[0];
  if (token === undefined) throw new Error("there is no token");
  const agent = start(inside(process.execPath, MAIN, "--home", home, "run"));
  const agentProcess = started.at(-1);
  await eventually("the agent runs", () => agent.output().includes("runs as n1"));
  const person = new Person(home);
  await person.enterChecks();
  await everyCheckFailed(home);
  await person.askAll(token);
  for (const name of ["cmdline", "environ"]) {
    person.told.push(readFileSync(`/proc/${agentProcess?.pid}/${name}`, "utf8"));
  }
  person.startWithMistakes(token);
  agentProcess?.kill("SIGTERM");
  await agentProcess?.exited;
  const all = [...person.told, agent.output()].join("\n");
  // The hooks were called and failed, the checks were answered in their own words: there was something to leak.
  expect(all).toContain("answered 403");
  expect(all).toContain("535");
  const encoded = Buffer.from(MARK).toString("base64").slice(0, 7);
  const words = [MARK, encoded, token.slice(7)];
  const leaks = all.split("\n").filter((line) => words.some((word) => line.includes(word)));
  expect(leaks).toEqual([]);
  expect(openFilesWith(home, words)).toEqual([]);
}

if (problem === null) {
  const name = "a secret is nowhere but where it was entered, and in files of its owner alone";
  test(name, tryAll, 90_000);
}
