/**
 * keepalived from Debian as a subject of the bench.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import type { LabProcess } from "../lab/process.ts";
import {
  ASKED_ROWS,
  asKeepalivedConfig,
  awaitFullTable,
  awaitRows,
  countRows,
} from "../lab/large_table.ts";
import { awaitHolder, prepareRealServer, type Subject } from "./subject.ts";

/** A keepalived cluster with a file of `peers/`. */
export function keepalivedSubject(name: string, slug: string): Subject {
  return {
    name,
    slug,
    async start(bed, further = []) {
      const file = join(bed.lab.scratch, "keepalived.conf");
      const cluster = readFileSync(join(import.meta.dir, "peers", `${slug}.conf`), "utf8");
      writeFileSync(file, `${cluster}\n${asKeepalivedConfig(further)}`);
      for (const node of bed.nodes) await prepareRealServer(node);
      const agents = new Map<string, LabProcess>();
      // One after the other: when both become master at once, the one that has to stop the sync daemon it has just
      // started can wait for the kernel's answer for ever (see stopDaemon in ffi/ipvs.ts), and both keep the VIP.
      for (const node of bed.nodes) {
        agents.set(node.name, startKeepalived(bed.lab, node, { file }));
        await awaitHolder(bed);
      }
      for (const node of bed.nodes) await awaitFullTable(node);
      for (const node of bed.nodes) await awaitRows(node, ASKED_ROWS + countRows(further));
      return { agents, moveVip: null };
    },
  };
}

/** What keepalived is to do. */
export interface KeepalivedOptions {
  readonly file: string;
  /** `check`: the table alone, without VRRP (keepalived(8)). Default: everything. */
  readonly part?: "check";
}

/** Starts keepalived in the foreground; its own processes' ids lie in the lab's scratch folder. */
export function startKeepalived(
  lab: Lab,
  node: Host,
  { file, part }: KeepalivedOptions,
): LabProcess {
  const pidFile = (name: string) => join(lab.scratch, `keepalived-${node.name}-${name}.pid`);
  const daemon = [
    "keepalived",
    "--dont-fork",
    "--log-console",
    ...(part === undefined ? [] : [`--${part}`]),
    ...["--use-file", file],
    ...["--config-id", node.name],
    ...["--pid", pidFile("parent")],
    ...["--vrrp_pid", pidFile("vrrp")],
    ...["--checkers_pid", pidFile("check")],
  ];
  const script = `echo 1 >/proc/sys/net/ipv4/vs/backup_only; exec "$@"`;
  return node.start(["bash", "-c", script, "keepalived", ...daemon], { label: "keepalived" });
}
