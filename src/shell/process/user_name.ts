/**
 * Who calls the command line: for the history of edits.
 */
import { userInfo } from "node:os";

/** The user who became root by sudo (sudo(8), SUDO_USER), or the one who runs the program; empty when nobody knows. */
export function userName(env: Readonly<Record<string, string | undefined>>): string {
  const { SUDO_USER: before } = env;
  if (before !== undefined && before !== "") return before;
  try {
    return userInfo().username;
  } catch {
    // Nobody in /etc/passwd has this number.
    return String(process.getuid?.() ?? "");
  }
}
