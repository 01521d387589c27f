/** The files a user copies: made from the same definitions as the program, or checked against them. */
import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { hookEnvironment, type HookMessage } from "../../src/core/hook.ts";
import { statusJsonSchema } from "../../src/core/status/status_schema.ts";
import { parseConfig, printConfig } from "../../src/shell/files/config_text.ts";
import { tempFolder } from "../support/temp_folder.ts";

const dist = join(import.meta.dir, "../../dist");

/** With TROOP_WRITE_DIST=1 this test writes the files it would otherwise compare. */
async function expectMade(name: string, text: string): Promise<void> {
  if (process.env["TROOP_WRITE_DIST"] === "1") await Bun.write(join(dist, name), text);
  const hint = `dist/${name} is out of date: write it with TROOP_WRITE_DIST=1 bun test dist_files`;
  expect(await Bun.file(join(dist, name)).text(), hint).toBe(text);
}

test("status.schema.json is the schema of the status document", () =>
  expectMade("status.schema.json", `${JSON.stringify(statusJsonSchema(), null, 2)}\n`));

const SAMPLE_TOKEN = "paste the output of `troop token` here";
const sample = printConfig({
  cluster: "troop",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.11",
  token: SAMPLE_TOKEN,
});

test("troop.yaml is what troop init writes", () => expectMade("troop.yaml", sample));

test("troop.yaml lacks nothing but a token, and cannot be used with a token everybody knows", () => {
  expect(parseConfig(sample)).toEqual([expect.objectContaining({ path: "token" })]);
  const filled = sample.replace(/^token:.*$/m, `token: troop1-${"a".repeat(64)}`);
  expect(parseConfig(filled)).toHaveProperty("name", "n1");
});

describe("hook-mail.sh", () => {
  async function mail(text: string, dropped = 0): Promise<string> {
    const folder = tempFolder();
    const sendmail = join(folder, "sendmail");
    await Bun.write(sendmail, '#!/bin/sh\n{ echo "words: $*"; cat; } > "${0%/*}/sent"\n');
    chmodSync(sendmail, 0o755);
    const message: HookMessage = {
      id: 7,
      time: "2026-01-02T12:00:01.000Z",
      kind: "node",
      level: "warn",
      text,
      fields: { node: "n2" },
      cluster: "troop",
      node: "n1",
      dropped,
    };
    const { exitCode } = Bun.spawnSync([join(dist, "hook-mail.sh"), "ops@example.org"], {
      env: { PATH: "/usr/bin:/bin", SENDMAIL: sendmail, ...hookEnvironment(message) },
    });
    expect(exitCode).toBe(0);
    return await Bun.file(join(folder, "sent")).text();
  }

  test("sends the event", async () => {
    const sent = await mail("node n2 is dead");
    expect(sent).toStartWith("words: -i -- ops@example.org\nTo: ops@example.org\n");
    expect(sent).toContain("\nSubject: [troop troop] node n2 is dead\n");
    expect(sent).toContain("told by n1 at 2026-01-02T12:00:01.000Z, event 7 (node)\n");
    expect(sent).not.toContain("too fast");
    expect(await mail("x", 3)).toContain("3 events before it");
  });

  test("what a server says adds no header", async () => {
    const [head = ""] = (await mail("down: x\r\nBcc: all@example.org\n\nhello")).split("\n\n");
    expect(head).not.toMatch(/^Bcc:/m);
  });
});

describe("troop.service", () => {
  const text = () => Bun.file(join(dist, "troop.service")).text();
  const valuesOf = async (key: string) =>
    (await text()).split("\n").filter((line) => line.startsWith(`${key}=`))
      .map((line) => line.slice(key.length + 1));

  test("clears the variables that would make the program run as something else", async () => {
    expect(await valuesOf("UnsetEnvironment")).toEqual(["BUN_BE_BUN BUN_OPTIONS NODE_OPTIONS"]);
  });

  test("gives the agent its two capabilities and no other", async () => {
    for (const key of ["CapabilityBoundingSet", "AmbientCapabilities"]) {
      expect(await valuesOf(key)).toEqual(["CAP_NET_ADMIN CAP_NET_RAW"]);
    }
    expect(await valuesOf("NoNewPrivileges")).toEqual(["yes"]);
  });

  test("leaves the agent what it needs", async () => {
    // AF_PACKET announces VIPs, AF_NETLINK talks to the kernel, AF_UNIX takes orders.
    expect(await valuesOf("RestrictAddressFamilies")).toEqual([
      "AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET",
    ]);
    expect(await valuesOf("ProtectKernelTunables")).toEqual([]);
    expect(await valuesOf("MemoryDenyWriteExecute")).toEqual([]);
    expect(await valuesOf("ExecStart")).toEqual(["/usr/local/bin/troop run"]);
    expect(await valuesOf("Restart")).toEqual(["on-failure"]);
  });

  test("uses only words systemd knows", async () => {
    const verify = Bun.which("systemd-analyze");
    if (verify === null) return;
    const unit = join(dist, "troop.service");
    const { stderr } = Bun.spawnSync([verify, "verify", "--man=no", unit], { stderr: "pipe" });
    expect(stderr.toString()).not.toMatch(/troop\.service:\d+:|Unknown/);
  });
});
