/** Files that a person names. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readText, writeText } from "../../../src/shell/files/text_file.ts";
import { temporaryOf } from "../../../src/shell/files/whole_file.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const mode = (path: string) => statSync(path).mode & 0o777;

test("a file is replaced whole, keeps its mode, and nothing is left beside it", () => {
  const folder = tempFolder();
  const path = `${folder}/c.yaml`;
  writeText(path, "one", false);
  chmodSync(path, 0o640);
  writeText(path, "two", false);
  expect([readText(path), mode(path)]).toEqual(["two", 0o640]);
  expect(readdirSync(folder)).toEqual(["c.yaml"]);
});

test("one with secrets is for its owner alone, whatever it was before", () => {
  const path = `${tempFolder()}/c.yaml`;
  writeFileSync(path, "old", { mode: 0o644 });
  writeText(path, "secret", true);
  expect([readText(path), mode(path)]).toEqual(["secret", 0o600]);
});

test("what a killed process of the same number left is in nobody's way", () => {
  const folder = tempFolder();
  writeFileSync(temporaryOf(`${folder}/c.yaml`), "half");
  writeText(`${folder}/c.yaml`, "whole", false);
  expect(readText(`${folder}/c.yaml`)).toBe("whole");
  expect(readdirSync(folder)).toEqual(["c.yaml"]);
});

test("a link keeps pointing at its file", () => {
  const folder = tempFolder();
  writeFileSync(`${folder}/real`, "old");
  symlinkSync(`${folder}/real`, `${folder}/link`);
  writeText(`${folder}/link`, "new", false);
  expect(readFileSync(`${folder}/real`, "utf8")).toBe("new");
});

test("what cannot be written or is no text says so, and leaves nothing", () => {
  const folder = tempFolder();
  expect(() => writeText(`${folder}/none/c.yaml`, "text", false)).toThrow("ENOENT");
  writeFileSync(`${folder}/binary`, Uint8Array.of(0xff, 0xfe, 0x80));
  expect(() => readText(`${folder}/binary`)).toThrow();
  expect(readdirSync(folder)).toEqual(["binary"]);
});
