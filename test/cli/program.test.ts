/** Help, version, usage errors and exit codes of the whole command line. */
import { beforeEach, describe, expect, test } from "bun:test";
import { Refusal } from "../../src/core/refusal.ts";
import { FakeWorld, TOKEN } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

/** Every command there is, as the helps list them: one that is new is looked at too. */
async function listCommands(path: readonly string[] = []): Promise<string[][]> {
  const { out } = await new FakeWorld().call(...path, "--help");
  const list = /\nCommands:\n((?: .*\n?)*)/.exec(out)?.[1] ?? "";
  const names = [...list.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? "")
    .filter((name) => name !== "help");
  const below = await Promise.all(names.map((name) => listCommands([...path, name])));
  return names.flatMap((name, index) => [[...path, name], ...below[index] ?? []]);
}

const verbs = await listCommands();

describe("help", () => {
  test("troop alone prints the help that --help prints", async () => {
    const alone = await world.call();
    expect(alone).toEqual(await world.call("--help"));
    expect(alone).toEqual(await world.call("help"));
    expect(alone).toMatchObject({ code: 0, err: "" });
    for (const verb of ["run", "service", "leave"]) {
      expect(verbs.map(([first]) => first)).toContain(verb);
    }
  });

  test.each(verbs.map((verb) => [verb.join(" "), verb] as const))(
    "troop %s --help has examples that begin with the verb, options, and fits 80 columns",
    async (name, verb) => {
      const { code, out, err } = await world.call(...verb, "--help");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toStartWith(`Usage: troop ${name}`);
      expect(out).toContain("--home <dir>");
      const examples = out.split("\nExamples:\n")[1] ?? "";
      expect(examples).toContain(`troop ${name}`);
      const help = out.split("\nExamples:\n")[0]!;
      for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
      // A description is broken into lines by hand: one that is broken again has a line of a word or two.
      const paragraphs = help.split(/\nArguments:|\nOptions:/)[0]!.split("\n\n").slice(1);
      for (const paragraph of paragraphs) {
        const lines = paragraph.trimEnd().split("\n").slice(0, -1);
        for (const line of lines) expect(line.length, line).toBeGreaterThan(40);
      }
    },
  );

  test.each(verbs.map((verb) => [verb.join(" "), verb] as const))(
    "the examples of troop %s --help can be typed as they are",
    async (_, verb) => {
      const { out } = await world.call(...verb, "--help");
      const examples = (out.split("\nExamples:\n")[1] ?? "").split("\n")
        .map((line) => line.trim().replace(/\s+(?:#|&&).*$/, ""))
        // Pipes, redirections and other programs belong to the shell; how they call troop is checked elsewhere.
        .filter((line) => line.startsWith("troop ") && !/[|<>]/.test(line));
      for (const line of examples) {
        const words = line.replace("TOKEN", TOKEN).match(/'[^']*'|\S+/g) ?? [];
        const fresh = new FakeWorld();
        fresh.files.set("/etc/troop/troop.yaml", await configOf());
        fresh.secrets.set("/etc/troop/redis", "secret");
        fresh.texts.set("cluster.yaml", "troop: 1\n");
        fresh.operations.file.edits = ["41-n2", "41"].map((id) => ({
          id,
          atMs: 0,
          node: "n2",
          user: "",
          words: [],
          more: 0,
          undoes: null,
          undoable: true,
        }));
        fresh.files.set("/srv/n1/troop.yaml", await configOf());
        if (["init", "join"].includes(verb[0]!)) fresh.files.clear();
        fresh.facts = {
          hostname: "n3",
          defaultInterface: "eth0",
          links: [
            {
              name: "eth0",
              addresses: ["192.0.2.11", "192.0.2.13"].slice(verb[0] === "join" ? 1 : 0),
            },
            { name: "eth1", addresses: ["10.0.0.11", "10.0.0.12"] },
          ],
        };
        const argv = words.slice(1).map((word) => word.replace(/^'(.*)'$/, "$1"));
        const { code, err } = await fresh.call(...argv);
        const refusedByAgent =
          /there is no such service|nothing (?:is|was) said of it|is not drained|stays drained/
            .test(err);
        expect(code === 0 || refusedByAgent, `${line}: ${err}`).toBe(true);
      }
    },
  );

  async function configOf() {
    const other = new FakeWorld();
    await other.call("init");
    return other.files.get("/etc/troop/troop.yaml")!;
  }

  test("version comes as verb and as option", async () => {
    expect(await world.call("version")).toEqual({ code: 0, out: "1.2.3\n", err: "" });
    expect(await world.call("--version")).toEqual({ code: 0, out: "1.2.3\n", err: "" });
    expect(await world.call("-V")).toEqual({ code: 0, out: "1.2.3\n", err: "" });
  });
});

describe("usage errors are one line with exit 2", () => {
  test.each([
    [
      ["stauts"],
      'read the command line: unknown command "stauts"; did you mean status? see `troop --help`',
    ],
    [["xyz"], 'read the command line: unknown command "xyz"; see `troop --help`'],
    [
      ["--nope"],
      'read the command line: unknown option "--nope"; did you mean --home? see `troop --help`',
    ],
    [
      ["service"],
      "service: no command is given; use one of add, set, remove, list; see `troop service --help`",
    ],
    [
      ["service", "ad"],
      'service: unknown command "ad"; did you mean add? see `troop service --help`',
    ],
    [
      ["service", "add"],
      'service add: missing required argument "service"; see `troop service add --help`',
    ],
    [
      ["service", "add", "192.0.2.1:80", "--schedular", "rr"],
      'service add: unknown option "--schedular"; did you mean --scheduler? see `troop service add --help`',
    ],
    [
      ["vip", "move", "192.0.2.1"],
      'vip move: missing required argument "node"; see `troop vip move --help`',
    ],
    [
      ["status", "now"],
      'status: too many arguments for "status". Expected 0 arguments but got 1; see `troop status --help`',
    ],
    [["init", "--port"], 'init: option "--port <n>" argument missing; see `troop init --help`'],
  ])("troop %j", async (argv, line) => {
    expect(await world.call(...argv)).toEqual({ code: 2, out: "", err: `troop: ${line}\n` });
    expect(world.contacted).toEqual([]);
  });
});

describe("--home", () => {
  test.each([
    [["--home", "/srv/n1", "status"]],
    [["status", "--home", "/srv/n1"]],
    [["status", "--home=/srv/n1", "--json"]],
  ])("is read before and after the verb: %j", async (argv) => {
    expect((await world.call(...argv)).code).toBe(0);
    expect(world.contacted).toEqual(["/srv/n1/troop.sock"]);
  });

  test("is read after a verb of two words, and TROOP_HOME without it", async () => {
    await world.call("service", "list", "--home", "/srv/n2");
    world.env["TROOP_HOME"] = "/srv/n3";
    await world.call("service", "list");
    expect(world.contacted).toEqual(["/srv/n2/troop.sock", "/srv/n3/troop.sock"]);
  });
});

describe("errors", () => {
  const failing = (error: unknown) => ({
    connect: () => {
      throw error;
    },
  });

  test("a refusal of the world is one line with exit 1", async () => {
    world.change = failing(new Refusal({ attempted: "a", problem: "b", remedy: "c" }));
    expect(await world.call("status")).toEqual({ code: 1, out: "", err: "troop: a: b; c\n" });
  });

  test("what a refusal quotes cannot move the cursor or add lines", async () => {
    world.change = failing(new Refusal({ attempted: "a", problem: "b\n\u001b[2Jx", remedy: "c" }));
    expect((await world.call("status")).err).toBe("troop: a: b [2Jx; c\n");
  });

  test("a refusal with several causes lists them", async () => {
    const refusal = new Refusal({ attempted: "a", problem: "2 problems", remedy: "c" }, {
      cause: ["port: x; y", "name: x; y"],
    });
    world.change = failing(refusal);
    expect((await world.call("status")).err).toBe(
      "troop: a: 2 problems; c\n  port: x; y\n  name: x; y\n",
    );
  });

  test("a fault of the program is one line without a stack, and with one on request", async () => {
    world.change = failing(new TypeError("x is undefined"));
    const { code, err } = await world.call("status");
    expect(code).toBe(1);
    expect(err).toBe(
      "troop: x is undefined; this is a fault of troop, please report it (TROOP_DEBUG=1 shows more)\n",
    );
    world.env["TROOP_DEBUG"] = "1";
    expect((await world.call("status")).err).toContain("program.test.ts");
  });
});
