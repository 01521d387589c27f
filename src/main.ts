/**
 * The program: gives the command line its real world, and is the only place that ends the process.
 *
 * Everything heavy (libp2p, the kernel) is loaded when a verb needs it, so that `troop status` answers at once.
 */
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { CliContext } from "./cli/context.ts";
import { runCli } from "./cli/program.ts";
import type { Config } from "./core/config.ts";
import type { Home } from "./core/home.ts";
import { faultLog, surviveFaults } from "./fault_log.ts";
import { adminClient } from "./http/admin_client.ts";
import { askAtTerminal } from "./shell/process/ask.ts";
import { createConfigFile, readConfigFile, refuseExisting } from "./shell/files/config_file.ts";
import { findHome } from "./shell/files/home.ts";
import { openLog } from "./shell/log/log.ts";
import { readFirstLine } from "./shell/files/first_line.ts";
import { userName } from "./shell/process/user_name.ts";
import { openOutput } from "./shell/process/output.ts";
import { readText, writeText } from "./shell/files/text_file.ts";
import { newToken } from "./shell/files/token.ts";
import { VERSION } from "./version.ts";

/** Nice value of the agent: pulses must go out on time on a busy machine. Needs CAP_SYS_NICE; without it, all works. */
const AGENT_NICE = -10;

/**
 * Gives up what root can do and the agent does not need; then the program begins again, under the same process number.
 * Null when there is nothing to give up or it is to be kept, else why it cannot.
 */
async function giveUpPrivileges(config: Config): Promise<string | null> {
  if (config.privileges === "keep") return null;
  const { dropPrivileges, dropTools } = await import("./shell/process/privileges.ts");
  return dropPrivileges(dropTools(readFileSync("/proc/self/status", "utf8")));
}

async function runAgent(home: Home, config: Config): Promise<number> {
  try {
    setPriority(AGENT_NICE);
  } catch {
    // Not allowed: the unit file sets it instead.
  }
  const kept = await giveUpPrivileges(config);
  const { runNode } = await import("./node.ts");
  const log = openLog({ level: config.log, readable: process.stderr.isTTY === true });
  const faults = faultLog({ logger: log.logger, now: () => performance.now() });
  surviveFaults(faults);
  if (kept !== null) {
    log.logger.warn({ problem: kept }, "runs with more privileges than it needs");
  }
  let stop: (() => Promise<void>) | null = null;
  let stopAsked = false;
  const onSignal = () => {
    stopAsked = true;
    void stop?.();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  try {
    const node = await runNode({ home, config, log, faults });
    stop = node.stop;
    if (stopAsked) void stop();
    await node.ended;
    return 0;
  } finally {
    await log.close();
  }
}

const context: CliContext = {
  version: VERSION,
  env: process.env,
  stdout: openOutput(1),
  stderr: openOutput(2),
  findHome: (option) => findHome(option, process.env),
  hostFacts: async (home) => {
    const { hostFactsOf } = await import("./shell/files/host_facts.ts");
    return await hostFactsOf(home);
  },
  readConfig: readConfigFile,
  refuseExisting,
  createConfig: createConfigFile,
  newToken,
  hello: async (member, token) => {
    const { askHello } = await import("./shell/gossip/hello.ts");
    const { cluster, self, members } = await askHello({ ...member, token, version: VERSION });
    return { cluster, members: [self, ...members] };
  },
  connect: (home) => adminClient(home, userName(process.env)),
  runAgent,
  diagnose: async (home) => {
    const { diagnose } = await import("./shell/doctor/doctor.ts");
    const { doctorTools } = await import("./shell/doctor/doctor_tools.ts");
    return await diagnose(home, doctorTools(home));
  },
  readFirstLine,
  serveSorryPage: async () => {
    const { runSorryServer } = await import("./shell/process/sorry_server.ts");
    await runSorryServer(Bun.stdin.stream(), (line) => process.stdout.write(`${line}\n`));
  },
  wallMs: () => Date.now(),
  sleep: (ms) => Bun.sleep(ms),
  readStdin: () => Bun.stdin.text(),
  readText,
  writeText,
  ask: askAtTerminal,
};

process.exit(await runCli(process.argv.slice(2), context));
