/** Where the libraries come from, in a source tree and in a compiled program on a machine without them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { librariesToEmbed, systemPaths } from "../../ffi/embedded.ts";
import { openLibraries } from "../../ffi/libraries.ts";

// Compiling writes a program of a hundred megabytes.
setDefaultTimeout(120_000);

let folder: string;
let program: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troop-embedded-"));
  program = join(folder, "program");
  const source = join(import.meta.dir, "compiled_program.ts");
  const files = [source, ...librariesToEmbed()];
  const result = Bun.spawnSync([
    process.execPath,
    "build",
    "--compile",
    ...files,
    "--outfile",
    program,
  ], { cwd: folder });
  if (!result.success) throw new Error(result.stderr.toString());
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the compiled program in a folder of nothing, with `privateFolder` for what it unpacks. */
function runProgram(privateFolder: string): string {
  const cwd = mkdtempSync(join(folder, "cwd-"));
  const { stdout } = Bun.spawnSync([program, privateFolder], { cwd, env: { TMPDIR: cwd } });
  // Nothing in the shared folder for temporary files, where others could meddle with it.
  expect(readdirSync(cwd)).toEqual([]);
  return stdout.toString();
}

test("systemPaths begins with the folder of the architecture and names no relative path", () => {
  expect(systemPaths("libx.so.1", "x64")[0]).toBe("/usr/lib/x86_64-linux-gnu/libx.so.1");
  expect(systemPaths("libx.so.1", "arm64")[0]).toBe("/usr/lib/aarch64-linux-gnu/libx.so.1");
  for (const arch of ["x64", "arm64", "riscv64"]) {
    expect(systemPaths("libx.so.1", arch).every((path) => path.startsWith("/"))).toBe(true);
  }
});

test("librariesToEmbed names the package to install when a library is not there", () => {
  // Not one of the architectures with a folder of its own, and no libnl in the common folders.
  expect(() => librariesToEmbed("sparc")).toThrow(
    'embed libnl-3.so.200 for sparc: not found; install it with "apt-get install libnl-3-200"',
  );
});

test("openLibraries prefers the system's libraries and unpacks nothing then", async () => {
  const privateFolder = join(folder, "unused");
  const { origin } = await openLibraries({ privateFolder });
  expect(origin).toBe("system");
  expect(readdirSync(folder)).not.toContain("unused");
});

test("openLibraries names both libraries and packages where there is neither system nor copy", async () => {
  const opening = openLibraries({
    privateFolder: join(folder, "unused"),
    findSystemFile: () => undefined,
  });
  await expect(opening).rejects.toThrow(
    'open libnl-3.so.200 and libnl-genl-3.so.200: not on this machine; install it with "apt-get install libnl-3-200 libnl-genl-3-200"',
  );
});

test("openLibraries says which file could not be opened", async () => {
  const opening = openLibraries({
    privateFolder: join(folder, "unused"),
    findSystemFile: () => join(import.meta.dir, "embedded.test.ts"),
  });
  await expect(opening).rejects.toThrow(/^open .*embedded\.test\.ts/);
});

test("a compiled program opens its own copy, unpacked into a folder only its user can read", () => {
  const own = join(folder, "state", "lib");
  expect(runProgram(own)).toBe("embedded lo");
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(readdirSync(own).sort()).toEqual(["libnl-3.so.200", "libnl-genl-3.so.200"]);
  for (const name of readdirSync(own)) expect(statSync(join(own, name)).mode & 0o777).toBe(0o600);
  // A second start finds the files there.
  expect(runProgram(own)).toBe("embedded lo");
});

test("a compiled program does not load what somebody planted under the name of its library", async () => {
  const own = join(folder, "planted");
  mkdirSync(own, { mode: 0o700 });
  await Bun.write(join(own, "libnl-3.so.200"), "not a library");
  expect(runProgram(own)).toBe("embedded lo");
});

test("a compiled program refuses a folder others can reach, and a link to one", () => {
  const open = join(folder, "open");
  mkdirSync(open);
  chmodSync(open, 0o755);
  const refusal = "others can reach it; it must be a folder of this user with mode 0700";
  expect(runProgram(open)).toContain(refusal);
  expect(readdirSync(open)).toEqual([]);
  const link = join(folder, "link");
  symlinkSync(dirname(open), link);
  expect(runProgram(link)).toContain(refusal);
});
