/**
 * What this thread, and whatever it executes, may ever do (capabilities(7)). Works on the calling thread alone: other
 * threads of the process keep what they have, until an execve(2) by this thread ends them.
 */
import { openLibc, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";

/** prctl(2) operations (linux/prctl.h). */
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
/** More than any kernel has: a set is 64 bits wide (linux/capability.h). */
const CAPABILITIES_MAX = 64;

/**
 * Takes every capability but those of these numbers out of the bounding set, and forbids to gain any by executing a
 * file. Throws {@link KernelRequestError} when the kernel refuses, which it does without CAP_SETPCAP.
 */
export function narrowBoundingSet(kept: readonly number[]): void {
  const libc = openLibc();
  const prctl = (operation: string, option: number, argument: number): number => {
    const result = libc.prctl(option, argument, 0, 0, 0);
    if (result >= 0) return result;
    const code = errnoName(readErrno(libc));
    throw new KernelRequestError({ operation, code, detail: "" });
  };
  for (let capability = 0; capability < CAPABILITIES_MAX; capability++) {
    // The kernel refuses to read what lies behind its last one.
    const present = libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0) break;
    if (present === 0 || kept.includes(capability)) continue;
    prctl(`drop capability ${capability}`, PR_CAPBSET_DROP, capability);
  }
  prctl("forbid new privileges", PR_SET_NO_NEW_PRIVS, 1);
}
