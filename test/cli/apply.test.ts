/** `troop export` and `troop apply`: what they print, ask, refuse and return. */
import { beforeEach, describe, expect, test } from "bun:test";
import { parseCheck } from "../../src/core/check.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { serverEntry, service, vipEntry } from "../support/cluster_views.ts";
import { FakeWorld } from "./fake_context.ts";

const KEY = "tcp/10.0.0.100:80";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
  const check = parseCheck("redis://", ["password=hunter2"]);
  if (typeof check === "string") throw new Error(check);
  const edits: Edit[] = [
    { kind: "putService", service: service({ check }) },
    { kind: "putServer", server: serverEntry({ address: "10.0.0.21", port: 80 }, { weight: 2 }) },
    { kind: "putVip", vip: vipEntry({ address: "10.0.0.100", prefer: ["2".repeat(16)] }) },
    { kind: "putSetting", name: "tcp-timeout", value: "900" },
  ];
  world.operations.file.edit(...edits);
});

const EXPORTED =
  `# The document of troop cluster troop. \`troop apply -f FILE\` makes a cluster have it: a section
# that stands here is the whole truth about its part, one that is taken out leaves its part alone.
# *** stands for the secret that is there.
troop: 1

settings:
  tcp-timeout: 900

vips:
  10.0.0.100:
    prefer:
      - n2

services:
  10.0.0.100:80:
    scheduler: wlc
    forward: dr
    check: redis://
    check-set:
      - password=***
    servers:
      10.0.0.21:
        weight: 2

drains: []
`;

describe("export", () => {
  test("is readable, in the words of the command line, and without secrets", async () => {
    expect(await world.call("export")).toEqual({ code: 0, out: EXPORTED, err: "" });
  });

  test("with secrets makes a file for its owner alone", async () => {
    const { out, err } = await world.call("export", "--secrets", "-o", "/srv/c.yaml");
    expect([out, err]).toEqual(["", "written to /srv/c.yaml\n"]);
    expect(world.texts.get("/srv/c.yaml")).toContain("      - password=hunter2\n");
    expect([...world.secretTexts]).toEqual(["/srv/c.yaml"]);
  });
});

function apply(text: string, ...words: string[]) {
  world.texts.set("c.yaml", text);
  return world.call("apply", "-f", "c.yaml", ...words);
}

describe("apply", () => {
  test("of what was exported changes nothing and keeps the secret", async () => {
    const { code, out } = await apply(EXPORTED);
    expect([code, out]).toEqual([0, "no difference: nothing to do\n"]);
    expect(world.operations.file.orders).toEqual([]);
  });

  test("shows what changes, aligned, and does it in one order", async () => {
    const text = EXPORTED.replace("scheduler: wlc", "scheduler: sh\n    flags: [sh-port]")
      .replace("weight: 2", "weight: 3\n      10.0.0.22: {}")
      .replace("redis://", "redis://:6380");
    const { code, out, err } = await apply(text);
    expect({ code, out, err }).toEqual({
      code: 0,
      out: `~ service 10.0.0.100:80
    scheduler  wlc -> sh
    flags      (standard) -> sh-port
    check      redis:// password='***' -> redis://:6380 password='***'
~ server 10.0.0.100:80 10.0.0.21
    weight     2 -> 3
+ server 10.0.0.100:80 10.0.0.22
1 to add, 2 to change, 0 to remove
3 edits
`,
      err: "",
    });
    const { current } = world.operations.file;
    expect(current.services.get(KEY)?.check).toMatchObject({ port: 6380, password: "hunter2" });
    expect(current.servers.get(KEY)?.size).toBe(2);
  });

  test("tells that a secret is another one, and not which", async () => {
    const { out } = await apply(EXPORTED.replace("***\n    servers", "geheim\n    servers"));
    expect(out).toBe(
      "~ service 10.0.0.100:80\n    check  *** -> *** (another secret)\n" +
        "0 to add, 1 to change, 0 to remove\n1 edits\n",
    );
    expect(world.operations.file.current.services.get(KEY)?.check).toMatchObject({
      password: "geheim",
    });
  });

  test("leaves sections alone that the file does not have", async () => {
    const { code, out } = await apply("troop: 1\nsettings: { udp-timeout: 60 }\n", "--yes");
    expect(code).toBe(0);
    expect(out).toStartWith("- setting tcp-timeout\n+ setting udp-timeout\n    value  60\n");
    const { current } = world.operations.file;
    expect([current.services.size, current.vips.size]).toEqual([1, 1]);
    expect([...current.settings]).toEqual([["udp-timeout", "60"]]);
  });

  test("asks before it removes, and takes only yes for yes", async () => {
    const text = "troop: 1\nservices: {}\n";
    const { current } = world.operations.file;
    for (const reply of [null, "", "no"]) {
      world.reply = reply;
      const { code, err } = await apply(text);
      expect(code).toBe(1);
      expect(err).toBe(
        reply === null
          ? "troop: apply the file: it removes something, and nobody is here to be asked; say --yes; nothing was changed\n"
          : "troop: apply the file: not wanted; nothing was changed\n",
      );
      expect(world.operations.file.current).toBe(current);
    }
    world.reply = "y";
    expect((await apply(text)).code).toBe(0);
    expect(world.operations.file.current.services.size).toBe(0);
    expect(world.questions).toHaveLength(4);
  });

  test("--dry-run changes nothing, and its exit status tells a difference", async () => {
    expect((await apply(EXPORTED, "--dry-run")).code).toBe(0);
    const { code, out } = await apply("troop: 1\nvips: {}\n", "--dry-run");
    expect([code, out]).toEqual([3, "- VIP 10.0.0.100\n0 to add, 0 to change, 1 to remove\n"]);
    expect(world.operations.file.current.vips.size).toBe(1);
    expect(world.operations.file.orders.every(({ dryRun }) => dryRun)).toBe(true);
  });

  test("tells every mistake with its place, and changes nothing", async () => {
    const { code, out, err } = await apply(
      "troop: 1\nsettings: { tcp-timeout: soon }\nservices:\n  10.0.0.100: {}\n",
    );
    expect([code, out]).toEqual([2, ""]);
    expect(err.split("\n").slice(0, 3)).toEqual([
      "troop: apply c.yaml: it has 2 mistakes; correct it; nothing was changed",
      '  c.yaml:2:26: tcp-timeout: "soon" is not accepted: it takes 1 to 2147483, kernel',
      expect.stringMatching(/^ {2}c\.yaml:4:3: "10\.0\.0\.100" is not VIP:PORT: /),
    ]);
    expect(world.operations.file.orders).toEqual([]);
  });

  test("tells what cannot stand beside each other where it stands", async () => {
    const { code, err } = await apply(`troop: 1
services:
  10.0.0.100:80:
    servers:
      10.0.0.100: {}
  fwmark:1:
    vips: [10.0.0.100]
    ports: [tcp/80]
`);
    expect(code).toBe(2);
    expect(err).toContain(
      "  c.yaml:3:3: 10.0.0.100 is the address of a real server\n" +
        "  c.yaml:5:7: 10.0.0.100 is a VIP of this cluster\n" +
        "  c.yaml:6:3: 10.0.0.100 is the address of a real server\n" +
        "  c.yaml:6:3: 10.0.0.100 tcp/80 is shared with 10.0.0.100:80, and a packet can have one service only\n",
    );
  });

  test("tells what the agent has against it where it stands", async () => {
    world.operations.file.problems = [{ part: "services", key: KEY, problem: "no such file" }];
    const { code, err } = await apply(EXPORTED.replace("wlc", "rr"));
    expect(code).toBe(2);
    expect(err).toEndWith("\n  c.yaml:15:3: no such file\n");
  });

  test("is refused when the document changes between showing and applying", async () => {
    world.change = {
      ask: () => {
        world.operations.file.edit({ kind: "removeSetting", name: "tcp-timeout" });
        return Promise.resolve("y");
      },
    };
    const { code, err } = await apply("troop: 1\nvips: {}\n");
    expect([code, err]).toEqual([1, "troop: apply the file: it has changed; try again\n"]);
    expect(world.operations.file.current.vips.size).toBe(1);
  });

  test("says in one line that a file is not there, or none is named", async () => {
    expect((await world.call("apply", "-f", "none.yaml")).err).toStartWith(
      "troop: apply none.yaml: cannot read it: ENOENT: no such file or directory",
    );
    expect((await world.call("apply")).err).toBe(
      "troop: apply: no file is named; name it with -f FILE\n",
    );
  });

  test("reads standard input", async () => {
    world.stdin = EXPORTED;
    expect((await world.call("apply", "-f", "-")).out).toBe("no difference: nothing to do\n");
  });
});
