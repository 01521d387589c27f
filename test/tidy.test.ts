/**
 * The rules this repository sets itself, as tests: which layer may import which, how long files and
 * functions may be, and what has no place anywhere. Each rule is shown to notice a breach.
 *
 * Blocks are found by indentation, which `deno fmt` guarantees.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename, dirname, join, normalize, resolve } from "node:path";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** A file of the repository, by its path from the top. */
interface Source {
  readonly path: string;
  readonly text: string;
}

const top = resolve(import.meta.dir, "..");
const folders = ["src", "ffi", "test"];
const sources: Source[] = folders.flatMap((folder) =>
  [...new Bun.Glob(`${folder}/**/*.ts`).scanSync({ cwd: top })].toSorted()
).map((path) => ({ path, text: readFileSync(join(top, path), "utf8") }));
const program = sources.filter(({ path }) => !path.startsWith("test/"));

/** A layer: the files whose path begins so, and the beginnings of what they may import. */
const layers: readonly { readonly path: string; readonly imports: readonly string[] }[] = [
  { path: "src/core/", imports: ["src/core/"] },
  { path: "src/ports.ts", imports: ["src/core/", "src/memory_port.ts"] },
  { path: "src/memory_port.ts", imports: ["src/core/"] },
  { path: "src/shell/", imports: ["src/core/", "src/ports.ts", "src/shell/", "ffi/mod.ts"] },
  { path: "src/agent/", imports: ["src/core/", "src/ports.ts", "src/agent/"] },
  { path: "src/http/", imports: ["src/core/", "src/ports.ts", "src/http/"] },
  { path: "src/cli/", imports: ["src/core/", "src/ports.ts", "src/cli/"] },
  { path: "ffi/", imports: ["ffi/"] },
  // Beside the layers lies what puts them together.
  { path: "src/", imports: ["src/", "ffi/mod.ts", "package.json"] },
  { path: "test/", imports: ["src/", "ffi/", "test/"] },
];

/** What the pure layer must not name: clocks, chance, the runtime, the outside world. */
const impure =
  /\b(Date\.now|new Date\(\)|performance\.|Math\.random|crypto\.|setTimeout|setInterval|queueMicrotask|fetch\(|console\.|process\.|Bun\.|Deno\.)/;
const impureImport = /^(node:|bun)/;

function importsOf({ text }: Source): string[] {
  const matches = text.matchAll(
    /^(?:import|export)\b[^"';]*?from "([^"]+)"|\bimport\("([^"]+)"\)|^import "([^"]+)"/gm,
  );
  return [...matches].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** Paths from the top of the repository's own files that a file imports. */
function ownImportsOf(source: Source): string[] {
  return importsOf(source).filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(source.path), name)));
}

function wrongDirections(source: Source): string[] {
  const layer = layers.find(({ path }) => source.path.startsWith(path));
  if (layer === undefined) return [`${source.path} belongs to no layer`];
  return ownImportsOf(source)
    .filter((path) => !layer.imports.some((allowed) => path.startsWith(allowed)))
    .map((path) => `${source.path} imports ${path}`);
}

/**
 * Files that import each other in a circle, and those between two circles: what is left when files that import none of
 * the rest, or that none of the rest imports, are taken away until nothing changes.
 */
function circles(files: readonly Source[]): string[] {
  const imports = new Map(files.map((file) => [file.path, ownImportsOf(file)]));
  for (let before = -1; before !== imports.size;) {
    before = imports.size;
    for (const [path, own] of imports) {
      if (!own.some((name) => imports.has(name))) imports.delete(path);
    }
    const imported = new Set([...imports.values()].flat());
    for (const path of imports.keys()) if (!imported.has(path)) imports.delete(path);
  }
  return [...imports.keys()];
}

function impurities(source: Source): string[] {
  const code = withoutComments(source.text);
  const named = impure.exec(code)?.[0];
  const imported = importsOf(source).filter((name) => impureImport.test(name));
  return [...(named === undefined ? [] : [named]), ...imported]
    .map((word) => `${source.path} names ${word}`);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

/** Functions that are too long, as `path:line name`. A `describe` is a chapter, not a function. */
function longFunctions({ path, text }: Source): string[] {
  const lines = text.split("\n");
  const opening =
    /^(\s*)(?!.*\bdescribe\()(?:.*\bfunction\b.*[({]|.*=> \{|(?:static |async )+[\w#]+\($|(?:static |async |get |set )*[\w#[\].]+\(.*\).*\{)$/;
  const control =
    /^\s*(?:\} )?(?:if|else|for|while|switch|try|catch|finally|do|case|default|class)\b/;
  return lines.flatMap((line, index) => {
    const indent = opening.exec(line)?.[1];
    if (indent === undefined || control.test(line)) return [];
    const length = lines.slice(index + 1).findIndex((later) => later.startsWith(`${indent}}`)) + 2;
    return length > FUNCTION_LINES_MAX ? [`${path}:${index + 1}: ${length} lines`] : [];
  });
}

function matching(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) =>
      pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []
    )
  );
}

// Spelled in pieces, so that this file does not break its own rule.
const leftover = new RegExp(
  `\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`,
);
const machinePath = new RegExp(
  `(^|[\\s"'\`(=:])/(?:${["wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers"].join("|")})/`,
);
const ffiImport = new RegExp(`["']bun:${"ffi"}["']`);
const focused = new RegExp(
  `\\b(?:test|describe|it)\\.(?:${["on" + "ly", "sk" + "ip", "to" + "do"].join("|")})\\b`,
);

describe("layers", () => {
  test("every import points towards the core", () => {
    expect(sources.flatMap(wrongDirections)).toEqual([]);
  });

  test("no files import each other in a circle, not even for their types", () => {
    expect(circles(program)).toEqual([]);
  });

  test("the core names no clock, no chance and nothing outside", () => {
    expect(sources.filter(({ path }) => path.startsWith("src/core/")).flatMap(impurities)).toEqual(
      [],
    );
  });

  test("only one file knows Bun's FFI", () => {
    const others = sources.filter(({ path }) => path !== "ffi/bun_ffi.ts");
    expect(matching(others, ffiImport)).toEqual([]);
  });

  test("only the command line and the lab print", () => {
    const silent = program.filter(({ path }) => !/^src\/(cli\/|main)/.test(path))
      .map(({ path, text }) => ({ path, text: withoutComments(text) }));
    expect(matching(silent, /\bconsole\./)).toEqual([]);
  });

  test("a breach is noticed", () => {
    const path = "src/core/x.ts";
    expect(wrongDirections({ path, text: 'import { a } from "../shell/a.ts";' })).toHaveLength(1);
    expect(wrongDirections({ path, text: 'import {\n  a,\n} from "../shell/a.ts";' })).toHaveLength(
      1,
    );
    expect(wrongDirections({ path, text: 'export { a } from "../ports.ts";' })).toHaveLength(1);
    expect(wrongDirections({ path, text: 'import { a } from "./a.ts";' })).toEqual([]);
    const a = { path: "src/a.ts", text: 'import type { B } from "./b.ts";' };
    const b = { path: "src/b.ts", text: 'import { c } from "./c.ts";' };
    const c = { path: "src/c.ts", text: 'import { a } from "./a.ts";' };
    expect(circles([a, b, c])).toEqual(["src/a.ts", "src/b.ts", "src/c.ts"]);
    expect(circles([a, b, { path: "src/c.ts", text: "" }])).toEqual([]);
    expect(impurities({ path, text: "const now = Date.now();" })).toHaveLength(1);
    expect(impurities({ path, text: 'import { join } from "node:path";' })).toHaveLength(1);
    expect(impurities({ path, text: "// Date.now() is not for us" })).toEqual([]);
  });
});

describe("size", () => {
  test(`no file is longer than ${FILE_LINES_MAX} lines`, () => {
    const long = sources.filter(({ text }) => text.split("\n").length > FILE_LINES_MAX + 1);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test(`no function is longer than ${FUNCTION_LINES_MAX} lines`, () => {
    expect(sources.flatMap(longFunctions)).toEqual([]);
  });

  test("a function that is too long is noticed, whatever its kind", () => {
    const body = "    work();\n".repeat(FUNCTION_LINES_MAX);
    const heads = [
      "export async function a(b: C): Promise<void> {",
      "  async method(b: C): Promise<void> {",
      "  const a = (b: C) => {",
      "function a(\n  b: C,\n): D {",
    ];
    for (const head of heads) {
      const indent = /^ */.exec(head)![0];
      const text = `${head}\n${body}${indent}}\n`;
      expect(longFunctions({ path: "x.ts", text })).toHaveLength(1);
    }
  });
});

describe("manners", () => {
  test("every file opens with its purpose", () => {
    // A test of one file has that file's purpose.
    const paths = new Set(sources.map(({ path }) => path));
    const mirrors = ({ path }: Source) =>
      ["src/", ""].some((root) =>
        paths.has(path.replace("test/", root).replace(".test.ts", ".ts"))
      );
    const silent = sources.filter((source) =>
      !/^(\/\*\*|\/\/)/.test(source.text) && !(source.path.endsWith(".test.ts") && mirrors(source))
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test("file names are snake_case", () => {
    const odd = sources.filter(({ path }) =>
      !/^[a-z0-9]+(_[a-z0-9]+)*(\.test)?\.ts$/.test(basename(path))
    );
    expect(odd.map(({ path }) => path)).toEqual([]);
  });

  test("nothing is left for later", () => {
    expect(matching(sources, leftover)).toEqual([]);
    expect(leftover.test(`// ${"TO" + "DO"}: later`)).toBe(true);
  });

  test("nothing is exported by default", () => {
    expect(matching(sources, /^export default\b/)).toEqual([]);
  });

  test("no test is left out or singled out", () => {
    expect(matching(sources, focused)).toEqual([]);
    expect(focused.test(`test.${"sk" + "ip"}("a", b)`)).toBe(true);
  });

  test("no path of somebody's machine", () => {
    const own = sources.filter(({ text }) => text.includes(`${top}/`));
    expect(own.map(({ path }) => path)).toEqual([]);
    expect(matching(sources, machinePath)).toEqual([]);
    expect(machinePath.test(`"/${"ho" + "me"}/someone/file"`)).toBe(true);
  });
});
