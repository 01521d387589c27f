/**
 * keepalived from Debian as a subject of the bench.
 */
import { join } from "node:path";
import type { Host } from "../lab/host.ts";
import type { LabProcess } from "../lab/process.ts";
import {
  awaitFullTable,
  awaitHolder,
  prepareRealServer,
  type Subject,
  type TestBed,
} from "./subject.ts";

/** A keepalived cluster with a file of `peers/`. */
export function keepalivedSubject(name: string, slug: string): Subject {
  const file = `${slug}.conf`;
  return {
    name,
    slug,
    async start(bed) {
      for (const node of bed.nodes) await prepareRealServer(node);
      const agents = new Map(
        bed.nodes.map((node) => [node.name, startKeepalived(bed, node, file)]),
      );
      await awaitHolder(bed);
      for (const node of bed.nodes) await awaitFullTable(node);
      return { agents, moveVip: null };
    },
  };
}

function startKeepalived(bed: TestBed, node: Host, file: string): LabProcess {
  const pidFile = (part: string) => join(bed.lab.scratch, `keepalived-${node.name}-${part}.pid`);
  const daemon = [
    "keepalived",
    "--dont-fork",
    "--log-console",
    ...["--use-file", join(import.meta.dir, "peers", file)],
    ...["--config-id", node.name],
    ...[
      "--pid",
      pidFile("parent"),
      "--vrrp_pid",
      pidFile("vrrp"),
      "--checkers_pid",
      pidFile("check"),
    ],
  ];
  const script = `echo 1 >/proc/sys/net/ipv4/vs/backup_only; exec "$@"`;
  return node.start(["bash", "-c", script, "keepalived", ...daemon], { label: "keepalived" });
}
