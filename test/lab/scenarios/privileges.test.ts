/**
 * An agent that root starts gives up everything but two capabilities, in all of its threads, and does its work with them.
 */
import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import type { TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";

/** CAP_NET_ADMIN (12) and CAP_NET_RAW (13), as proc(5) writes a set. */
const TWO = (0b11 << 12).toString(16).padStart(16, "0");

/** What each thread of a process says of its privileges. */
function threadsOf(pid: number): Record<string, string>[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    return Object.fromEntries(
      [...status.matchAll(/^(Cap(?:Prm|Eff|Bnd|Amb)|NoNewPrivs):\s*(\S+)$/gm)]
        .map(([, name, value]) => [name, value]),
    );
  });
}

/** What the doctor says of the agent of a node. */
async function agentFinding(node: TroopNode): Promise<unknown> {
  // Other findings may be bad news in a lab; the exit status is about all of them.
  const text = await node.program("doctor", "--json").catch((error) => String(error));
  const found = /\{\s*"what": "agent",[^}]*"detail": "([^"]*)"/.exec(text);
  return found?.[1] ?? text;
}

scenario(
  "the agent runs with two capabilities in every thread; who needs more keeps it by the node's file",
  { slug: "privileges", hosts: streamlined },
  async (lab) => {
    const { nodes, holder } = await startService(lab);
    for (const node of nodes) {
      const threads = threadsOf(node.agent.pid);
      expect(threads.length).toBeGreaterThan(1);
      for (const thread of threads) {
        expect(thread).toMatchObject({ CapPrm: TWO, CapEff: TWO, CapBnd: TWO, NoNewPrivs: "1" });
      }
      expect(await agentFinding(node)).toBe("runs with CAP_NET_ADMIN and CAP_NET_RAW alone");
    }
    const check = ["service", "set", `${VIP}:80`, "--check", "external:/bin/true", "--check-set"];
    const refusal = await holder.troop(...check, "user=nobody").catch(String);
    expect(refusal).toContain("cannot run as nobody");
    expect(refusal).toContain("privileges: keep");

    // The whole of root for one that asks for it, and its check runs as the other user.
    for (const node of nodes) {
      await node.agent.end("SIGTERM");
      node.configure({ privileges: "keep" });
      await node.run();
    }
    expect(threadsOf(holder.agent.pid)[0]?.["CapEff"]).not.toBe(TWO);
    expect(await agentFinding(holder)).toContain("all privileges of root");
    const spy = ["external:/bin/sh -c 'test \"$(id -un)\" = nobody'"];
    await holder.troop(...check.slice(0, 4), ...spy, "--check-set", "user=nobody");
    await waitFor(async () => {
      const { services } = await holder.status();
      const servers = services.flatMap((service) => service.servers);
      return servers.length === 2 && servers.every(({ up }) => up);
    }, { what: "both servers are up by a check that runs as nobody", limitMs: 20_000 });
  },
);
