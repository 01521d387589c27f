/**
 * Finds the process that listens on a Unix socket, by proc(5). Needs the right to look at that process.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** /proc/PID/status of the process that has the listening socket of this path; null when it cannot be found. */
export function statusOfListener(path: string): string | null {
  try {
    const inodes = inodesOf(readFileSync("/proc/net/unix", "utf8"), path);
    if (inodes.length === 0) return null;
    const links = inodes.map((inode) => `socket:[${inode}]`);
    const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && hasOne(name, links));
    return pid === undefined ? null : readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    // Gone meanwhile, or not ours to look at.
    return null;
  }
}

/** Sockets that listen (flag __SO_ACCEPTCON, include/linux/net.h) on the path; a path may have spaces. */
function inodesOf(table: string, path: string): string[] {
  return table.split("\n").flatMap((line) => {
    const fields = /^\S+: \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line);
    if (fields === null || fields[3] !== path) return [];
    return (Number.parseInt(fields[1] ?? "", 16) & 0x10000) !== 0 ? [fields[2] ?? ""] : [];
  });
}

function hasOne(pid: string, links: readonly string[]): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((name) => links.includes(linkOf(`${folder}/${name}`)));
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
