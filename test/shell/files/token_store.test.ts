/** The tokens on disk: every step survives a crash before and after it. */
import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rotation } from "../../../src/core/cluster/token_facts.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { fingerprintOf, newToken } from "../../../src/shell/files/token.ts";
import { openTokenStore, type TokenStore } from "../../../src/shell/files/token_store.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const OLD = newToken();
const NEW = newToken();
const old = fingerprintOf(OLD);
const fresh = fingerprintOf(NEW);
const ROTATION: Rotation = { serial: 1, target: fresh, from: old, graceS: 60 };

/** A machine: its folder, and the token in its troop.yaml. */
class Machine {
  readonly folder = tempFolder();
  readonly notices = recordNotices();
  configured = OLD;
  /** Whether the disk of the state, or of troop.yaml, refuses. */
  full = false;
  readOnly = false;

  start(): TokenStore {
    const real = openStateFolder(this.folder, { notices: this.notices });
    const folder: StateFolder = {
      ...real,
      write: (name, bytes) =>
        this.full ? Promise.reject(new Error("disk full")) : real.write(name, bytes),
    };
    return openTokenStore(folder, {
      configured: this.configured,
      writeConfigured: (token) => {
        if (this.readOnly) throw new Error("EROFS");
        this.configured = token;
      },
      notices: this.notices,
    });
  }
}

const steps: { name: string; run: (store: TokenStore) => Promise<unknown> }[] = [
  { name: "begin", run: (store) => store.begin(ROTATION) },
  { name: "take", run: (store) => store.take(NEW) },
  { name: "use", run: (store) => store.use() },
  { name: "retire", run: (store) => store.retire() },
];
const after = [
  { sends: old, accepts: [old], rotation: null },
  { sends: old, accepts: [old], rotation: ROTATION },
  { sends: old, accepts: [old, fresh], rotation: ROTATION },
  { sends: fresh, accepts: [fresh, old], rotation: ROTATION },
  { sends: fresh, accepts: [fresh], rotation: ROTATION },
];

describe("openTokenStore", () => {
  test("begins with the token of the node's file, and writes nothing", () => {
    const machine = new Machine();
    expect(machine.start().facts()).toEqual(after[0]!);
    expect(() => statSync(join(machine.folder, "tokens.json"))).toThrow();
  });

  for (const [index, { name }] of steps.entries()) {
    test(`goes on after a crash behind "${name}"`, async () => {
      const machine = new Machine();
      for (const step of steps.slice(0, index + 1)) await step.run(machine.start());
      expect(machine.start().facts()).toEqual(after[index + 1]!);
      for (const step of steps.slice(index + 1)) await step.run(machine.start());
      expect(machine.start().facts()).toEqual(after.at(-1)!);
      expect(machine.configured).toBe(NEW);
    });

    test(`is as before when the disk refuses "${name}"`, async () => {
      const machine = new Machine();
      for (const step of steps.slice(0, index)) await step.run(machine.start());
      const store = machine.start();
      machine.full = true;
      await expect(steps[index]!.run(store)).rejects.toThrow("disk full");
      expect(store.facts()).toEqual(after[index]!);
      expect(machine.start().facts()).toEqual(after[index]!);
      machine.full = false;
      await steps[index]!.run(store);
      expect(store.facts()).toEqual(after[index + 1]!);
    });
  }

  test("mends the node's file after a crash between its own write and that one", async () => {
    const machine = new Machine();
    machine.readOnly = true;
    for (const step of steps) await step.run(machine.start());
    expect(machine.configured).toBe(OLD);
    expect(machine.notices.messages("warn").join()).toContain("cannot write the new token");
    machine.readOnly = false;
    expect(machine.start().sends().token).toBe(NEW);
    expect(machine.configured).toBe(NEW);
  });

  test("believes a token it never saw: an operator has joined anew", async () => {
    const machine = new Machine();
    for (const step of steps) await step.run(machine.start());
    machine.configured = newToken();
    const { sends, rotation } = machine.start().facts();
    expect(sends).toBe(fingerprintOf(machine.configured));
    expect(rotation).toBeNull();
  });

  test("takes only the token the rotation is about", async () => {
    const store = new Machine().start();
    await store.begin(ROTATION);
    expect(await store.take(newToken())).toBe(false);
    expect(await store.take(NEW)).toBe(true);
    expect(store.tokenOf(fresh)).toBe(NEW);
  });

  test("goes back: the old token is used, and the new one refused", async () => {
    const store = new Machine().start();
    for (const step of steps.slice(0, 3)) await step.run(store);
    await store.begin({ serial: 2, target: old, from: fresh, graceS: 60 });
    await store.use();
    await store.retire();
    expect(store.facts()).toMatchObject({ sends: old, accepts: [old] });
    expect(store.replaced().map(({ fingerprint }) => fingerprint)).toEqual([fresh]);
  });

  test("keeps the file for its owner, and a replaced token only as what recognises it", async () => {
    const machine = new Machine();
    for (const step of steps) await step.run(machine.start());
    const file = join(machine.folder, "tokens.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(OLD);
  });

  test("sets a damaged file aside without telling what is in it", async () => {
    const machine = new Machine();
    for (const step of steps.slice(0, 2)) await step.run(machine.start());
    const file = join(machine.folder, "tokens.json");
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -20));
    expect(machine.start().facts()).toEqual(after[0]!);
    expect(JSON.stringify(machine.notices.all)).not.toMatch(/troop1-/);
  });
});
