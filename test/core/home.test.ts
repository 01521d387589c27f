import { describe, expect, test } from "bun:test";
import { callOf, homeIn, shellWord, SYSTEM_HOME } from "../../src/core/home.ts";

describe("homeIn", () => {
  test("homeIn puts config, state and socket under the folder", () => {
    expect(homeIn("/srv/n1")).toEqual({
      folder: "/srv/n1",
      config: "/srv/n1/troop.yaml",
      state: "/srv/n1/state",
      socket: "/srv/n1/troop.sock",
    });
  });

  test("homeIn takes slashes at the end and the root folder", () => {
    expect(homeIn("/srv/n1//")).toEqual(homeIn("/srv/n1"));
    expect(homeIn("/").config).toBe("/troop.yaml");
  });
});

describe("callOf", () => {
  test("callOf names the folder only where there is one, quoted for a shell", () => {
    expect(callOf(SYSTEM_HOME)).toBe("troop");
    expect(callOf(homeIn("/srv/n1"))).toBe("troop --home /srv/n1");
    expect(callOf(homeIn("/srv/my node"))).toBe("troop --home '/srv/my node'");
  });

  test("shellWord survives a shell, whatever the word", () => {
    for (const word of ["a b", "it's", "$(id)", "`id`", "*", "", 'a"b', "a\\b", "plain/x.y"]) {
      const out = Bun.spawnSync(["sh", "-c", `printf %s ${shellWord(word)}`]).stdout.toString();
      expect(out).toBe(word);
    }
  });
});
