/**
 * Builds the clock of User-Mode Linux guests, see guest_clock.c: once, and again when its source has changed.
 */
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const SOURCE = join(import.meta.dir, "guest_clock.c");

/** The path of the library that linux.uml has to preload. Throws with the compiler's words. */
export function buildGuestClock(library: string): string {
  if (existsSync(library) && statSync(library).mtimeMs > statSync(SOURCE).mtimeMs) return library;
  mkdirSync(dirname(library), { recursive: true });
  // Two that build at a time must not see half of one.
  const part = `${library}.${process.pid}`;
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
  const compiler = Bun.spawnSync(["cc", ...flags, "-o", part, SOURCE, "-ldl"]);
  if (!compiler.success) {
    throw new Error(`build guest clock: ${compiler.stderr.toString().trim()}; run ./task setup`);
  }
  renameSync(part, library);
  return library;
}
