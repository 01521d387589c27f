/**
 * An operator's command without a process of its own: the program's own command line and its own client of the
 * agent's socket, run by the test. A program that starts costs the guest's one CPU a second, which the agents lose.
 *
 * Only for verbs that do no more than ask an agent or read a node's file; `scenarios/readme.test.ts` and the demo
 * type theirs into the program itself.
 */
import type { CliContext, Output } from "../../src/cli/context.ts";
import { runCli } from "../../src/cli/program.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { readConfigFile } from "../../src/shell/files/config_file.ts";
import { readText, writeText } from "../../src/shell/files/text_file.ts";
import { findHome } from "../../src/shell/files/home.ts";
import { VERSION } from "../../src/version.ts";

/** Runs `troop WORDS`; what it printed. Throws with what it said when it refuses. */
export async function operate(words: readonly string[]): Promise<string> {
  const stdout = collector();
  const stderr = collector();
  const status = await runCli(words, contextOf(stdout, stderr));
  if (status === 0) return stdout.text();
  throw new Error(`troop ${words.join(" ")} failed with status ${status}: ${stderr.text().trim()}`);
}

function collector(): Output & { text(): string } {
  let written = "";
  return {
    write: (text) => void (written += text),
    isTty: false,
    columns: undefined,
    text: () => written,
  };
}

function contextOf(stdout: Output, stderr: Output): CliContext {
  const elsewhere = () => {
    throw new Error("operate: this verb is about the machine it runs on; start the program there");
  };
  return {
    version: VERSION,
    env: {},
    stdout,
    stderr,
    findHome: (option) => findHome(option, {}),
    readConfig: readConfigFile,
    connect: (home) => adminClient(home, "operator"),
    hostFacts: elsewhere,
    refuseExisting: elsewhere,
    createConfig: elsewhere,
    newToken: elsewhere,
    hello: elsewhere,
    runAgent: elsewhere,
    diagnose: elsewhere,
    readFirstLine: elsewhere,
    serveSorryPage: elsewhere,
    wallMs: () => Date.now(),
    sleep: (ms) => Bun.sleep(ms),
    readStdin: elsewhere,
    readText,
    writeText,
    ask: () => Promise.resolve(null),
  };
}
