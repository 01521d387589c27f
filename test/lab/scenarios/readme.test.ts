/**
 * The commands of the README, as they are written there, on machines named as they are there.
 */
import { expect } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Host } from "../host.ts";
import type { Lab } from "../lab.ts";
import { scenario, streamlined, VIP } from "../scenario.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

const top = resolve(import.meta.dir, "../../..");
const STEP_LIMIT_MS = 30_000;

/** The lines `NODE# COMMAND` of the README's console block. */
function readmeCommands(): { node: string; command: string }[] {
  const block =
    /```console\n([\s\S]*?)```/.exec(readFileSync(join(top, "README.md"), "utf8"))?.[1] ?? "";
  return block.trim().split("\n").map((line) => {
    const [, node, command] = /^(\w+)# (.+)$/.exec(line) ?? [];
    if (node === undefined || command === undefined) {
      throw new Error(`read README: "${line}" is no command`);
    }
    return { node, command };
  });
}

/** Every machine has a name and files of its own, as two real ones have. */
function shell(lab: Lab, host: Host, command: string): string[] {
  const home = join(lab.scratch, `home-${host.name}`);
  mkdirSync(home, { recursive: true });
  const setup = `hostname ${host.name}; export TROOP_HOME=${home} PATH=${top}/dist:$PATH`;
  return ["unshare", "--uts", "bash", "-c", `${setup}; ${command}`];
}

scenario(
  "the README's commands run as written",
  { slug: "readme", hosts: streamlined },
  async (lab) => {
    const nodes = [lab.host("n1"), lab.host("n2")];
    await Promise.all(nodes.map((host) => startWebServer(lab, host)));
    let token = "";
    for (const { node, command } of readmeCommands()) {
      const host = lab.host(node);
      const background = /^(.*\S)\s*&$/.exec(command)?.[1];
      if (background !== undefined) {
        host.start(shell(lab, host, `exec ${background}`), { label: "troop" });
        await waitFor(
          async () => (await host.runAnyway(...shell(lab, host, "troop status"))).status === 0,
          {
            what: `${node} answers after "${command}"`,
            limitMs: STEP_LIMIT_MS,
          },
        );
        continue;
      }
      if (command.startsWith("troop vip move")) await bothUp(lab, host);
      const said = await host.run(...shell(lab, host, command.replace("TOKEN", token)));
      if (command === "troop token") token = said.trim();
    }
    const status = JSON.parse(await nodes[0]!.run(...shell(lab, nodes[0]!, "troop status --json")));
    expect(status.vips).toMatchObject([{ address: VIP, holder: "n2" }]);
    const page = await lab.host("client").run(
      "curl",
      "-sf",
      "--max-time",
      "5",
      `http://${VIP}/index.html`,
    );
    expect(page).toContain("Test Page");
  },
);

/** A person reads `troop status` before moving a VIP; the test waits for what that person would see. */
async function bothUp(lab: Lab, host: Host): Promise<void> {
  await waitFor(async () => {
    const status = JSON.parse(await host.run(...shell(lab, host, "troop status --json")));
    const up = status.services[0]?.servers.filter((server: { up: boolean }) => server.up).length;
    return up === 2 && status.vips[0]?.holder !== null;
  }, { what: "both servers are up and the VIP is held", limitMs: STEP_LIMIT_MS });
}
