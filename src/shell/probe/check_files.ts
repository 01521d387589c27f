/**
 * The files and programs that a check names, as this machine has them.
 */
import { accessSync, constants, statSync } from "node:fs";
import type { Check } from "../../core/check.ts";
import { errorCode } from "../log/notices.ts";
import { canChangeUser, userProblem } from "../process/privileges.ts";
import { trustProblem } from "./trust.ts";

/** Why a check cannot work with the files of this machine, in words; null when it can. Takes a few ms at most. */
export function checkFilesProblem(check: Check): string | null {
  if (check.kind === "external" && check.user !== null && !canChangeUser()) {
    return userProblem(check.user);
  }
  if (check.kind === "external" && !check.shell) {
    return programProblem(check.command[0] ?? "");
  }
  if (!("verify" in check)) return null;
  if (check.authority === null && check.certificate === null) return null;
  return trustProblem(check) ?? null;
}

/** Whether the kernel would start it, as far as that can be told without starting it. */
function programProblem(path: string): string | null {
  try {
    if (!statSync(path).isFile()) return `the program ${path} is not a file`;
  } catch (error) {
    const code = errorCode(error);
    return code === "ENOENT" || code === "ENOTDIR"
      ? `the program ${path} is missing on this node`
      : `the program ${path} cannot be looked at: ${code}`;
  }
  try {
    accessSync(path, constants.X_OK);
    return null;
  } catch {
    return `the program ${path} is not executable`;
  }
}
