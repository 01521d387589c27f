/** The words of health checks: `--check-set` and `troop check`. */
import { beforeEach, describe, expect, test } from "bun:test";
import { checkKinds, checkShape } from "../../src/core/check.ts";
import { checkText } from "../../src/core/check/kinds.ts";
import { optionsOf } from "../../src/core/check/options.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

describe("--check-set", () => {
  const NAME = "192.0.2.100:6379";
  const only = () => [...world.operations.services.values()][0]!;

  test("tells options of the check, and takes secrets from a file", async () => {
    world.secrets.set("/etc/own", "s3cr3t!");
    const set = ["--check-set", "password=@/etc/own", "--check-set", "rise=3"];
    expect((await world.call("service", "add", NAME, "--check", "redis://", ...set)).code).toBe(0);
    expect(only().check).toMatchObject({ kind: "redis", password: "s3cr3t!", rise: 3 });
    for (const verb of [["status"], ["service", "list"]]) {
      for (const more of [[], ["--json"]]) {
        const { out } = await world.call(...verb, ...more);
        expect(out).toContain("redis:// rise=3 password='***'");
        expect(out).not.toContain("s3cr3t!");
      }
    }
    expect((await world.call("service", "set", NAME, "--check-set", "rise=")).code).toBe(0);
    expect(only().check).toMatchObject({ kind: "redis", password: "s3cr3t!", rise: 1 });
  });

  test.each([
    [["rise=2"], "a none check has no option rise; see `troop check kinds`", "--check none"],
    [
      ["password=@/nowhere"],
      "option password: cannot read /nowhere: ENOENT; name a file of this machine that holds it",
      "--check redis://",
    ],
    [
      ["role=king"],
      "option role: must be one of master, slave; see `troop check kinds`",
      "--check redis://",
    ],
    [["send=x"], "a tcp check has no option send; see `troop check kinds tcp`", ""],
  ])("refuses %j", async (settings, line, check) => {
    const set = settings.flatMap((setting) => ["--check-set", setting]);
    const words = check === "" ? [] : check.split(" ");
    expect(await world.call("service", "add", NAME, ...words, ...set)).toEqual({
      code: 2,
      out: "",
      err: `troop: add service ${NAME}: ${line}\n`,
    });
    expect(world.contacted).toEqual([]);
  });
});

describe("troop check kinds", () => {
  test("shows every kind, in 80 columns but for the table", async () => {
    const { code, out } = await world.call("check", "kinds");
    expect(code).toBe(0);
    for (const kind of checkKinds) expect(out).toMatch(new RegExp(`^${kind}(:|$)`, "m"));
    for (const line of out.split("OPTION")[0]!.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  test.each([...checkKinds])("explains every option of %s", async (kind) => {
    const { code, out } = await world.call("check", "kinds", kind);
    expect(code).toBe(0);
    for (const { name } of optionsOf(kind)) expect(out).toMatch(new RegExp(`^${name}=`, "m"));
  });
});

test.each([["redis", "security=none|tls "], ["smtp", "security=none|tls|starttls "]])(
  "troop check kinds %s offers %j",
  async (kind, words) => expect((await world.call("check", "kinds", kind)).out).toContain(words),
);

test("every field of every kind has an option: nothing of the schema cannot be told", () => {
  for (const kind of checkKinds) {
    const known = [...optionsOf(kind).map(({ field }) => field), "kind"];
    const without = checkText(kind).without ?? [];
    const fields = Object.keys(checkShape(kind)).filter((field) => !without.includes(field));
    expect(fields.filter((field) => !known.includes(field)), kind).toEqual([]);
  }
});
