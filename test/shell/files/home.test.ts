/** Finding a node's files and making their folders. */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { homeIn, SYSTEM_HOME } from "../../../src/core/home.ts";
import { findHome, prepareHome } from "../../../src/shell/files/home.ts";
import { tempFolder } from "../../support/temp_folder.ts";

describe("findHome", () => {
  test.each([
    ["the system's places by default", undefined, {}, SYSTEM_HOME],
    ["TROOP_HOME", undefined, { TROOP_HOME: "/srv/n1" }, homeIn("/srv/n1")],
    ["the option before TROOP_HOME", "/srv/n2", { TROOP_HOME: "/srv/n1" }, homeIn("/srv/n2")],
    ["the system's places when TROOP_HOME is empty", undefined, { TROOP_HOME: "" }, SYSTEM_HOME],
    ["a folder relative to the working folder", "n1", {}, homeIn(resolve("n1"))],
  ])("gives %s", (_, option, env, home) => {
    expect(findHome(option, env)).toEqual(home);
  });

  test("refuses an empty option", () => {
    expect(() => findHome("", {})).toThrow("--home is empty");
  });
});

describe("prepareHome", () => {
  test("makes the folders, the state for its owner alone", () => {
    const home = homeIn(join(tempFolder(), "n1"));
    prepareHome(home);
    prepareHome(home);
    expect(statSync(home.state).mode & 0o777).toBe(0o700);
  });

  test("closes a state folder that was open to others", () => {
    const home = homeIn(tempFolder());
    mkdirSync(home.state);
    chmodSync(home.state, 0o777);
    prepareHome(home);
    expect(statSync(home.state).mode & 0o777).toBe(0o700);
  });

  test("refuses where a file is in the way", () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "n1"), "");
    expect(() => prepareHome(homeIn(join(folder, "n1")))).toThrow(`make the folder ${folder}/n1`);
  });
});
