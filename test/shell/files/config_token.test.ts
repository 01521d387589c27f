/** Another token in a node's file, and nothing else. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { homeIn } from "../../../src/core/home.ts";
import { parseConfig, printConfig } from "../../../src/shell/files/config_text.ts";
import { withToken, writeConfigToken } from "../../../src/shell/files/config_token.ts";
import { newToken } from "../../../src/shell/files/token.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const OLD = newToken();
const NEW = newToken();
const written = printConfig({
  cluster: "troop",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.11",
  token: OLD,
});

describe("withToken", () => {
  const files: { name: string; text: string }[] = [
    { name: "as troop writes it", text: written },
    { name: "with a comment behind it", text: written.replace(OLD, `${OLD}   # secret!`) },
    { name: "in quotes", text: written.replace(OLD, `"${OLD}"`) },
    { name: "with other spacing and line ends", text: written.replaceAll("\n", "\r\n") },
  ];
  for (const { name, text } of files) {
    test(`changes nothing else in a file ${name}`, () => {
      const changed = withToken(text, NEW)!;
      expect(parseConfig(changed)).toHaveProperty("token", NEW);
      const without = (all: string) => all.replace(/"?troop1-[0-9a-f]{64}"?/g, "");
      expect(without(changed)).toBe(without(text));
    });
  }

  test("leaves alone what it does not understand", () => {
    for (const text of ["", "token: [", "name: n1\n", "token: { a: 1 }\n", "- 1\n"]) {
      expect(withToken(text, NEW)).toBeUndefined();
    }
  });
});

describe("writeConfigToken", () => {
  test("keeps the mode, and a link in the file's place; leaves nothing behind", () => {
    const folder = tempFolder();
    const home = homeIn(folder);
    const real = join(folder, "real.yaml");
    writeFileSync(real, written);
    chmodSync(real, 0o640);
    symlinkSync(real, home.config);
    writeConfigToken(home, NEW);
    expect(readFileSync(real, "utf8")).toBe(written.replace(OLD, NEW));
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(readdirSync(dirname(real)).toSorted()).toEqual(["real.yaml", "troop.yaml"]);
  });

  test("throws when the file is gone", () => {
    expect(() => writeConfigToken(homeIn(tempFolder()), NEW)).toThrow();
  });
});
