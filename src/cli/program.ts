/**
 * The command line: verbs, options, help, and one place where errors become a line and an exit code.
 */
import { Command, CommanderError } from "commander";
import { Refusal } from "../core/refusal.ts";
import type { CliContext } from "./context.ts";
import { addApply } from "./apply.ts";
import { addCheck } from "./check.ts";
import { addConnections } from "./connections.ts";
import { addDoctor } from "./doctor.ts";
import { addDrain } from "./drain.ts";
import { addEvents } from "./events.ts";
import { addExport } from "./export.ts";
import { addForget } from "./forget.ts";
import { addHistory } from "./history.ts";
import { addInit } from "./init.ts";
import { addJoin } from "./join.ts";
import { addLeave } from "./leave.ts";
import { addRun } from "./run.ts";
import { addServer } from "./server.ts";
import { addService } from "./service.ts";
import { addExamples, type AddVerb, EXIT_OK, reportError, type Session, usage } from "./session.ts";
import { addSettings } from "./settings.ts";
import { addSorryPage } from "./sorry_page.ts";
import { addStatus } from "./status.ts";
import { addTable } from "./table.ts";
import { addToken } from "./token.ts";
import { addVersion } from "./version.ts";
import { addVip } from "./vip.ts";

/** Every verb, in the order of the help: the order in which a newcomer needs them. */
const verbs: readonly AddVerb[] = [
  addInit,
  addJoin,
  addRun,
  addStatus,
  addService,
  addServer,
  addCheck,
  addDrain,
  addVip,
  addSettings,
  addExport,
  addApply,
  addHistory,
  addTable,
  addConnections,
  addEvents,
  addToken,
  addDoctor,
  addLeave,
  addForget,
  addVersion,
  addSorryPage,
];

/** Width of help where no terminal says another. */
const HELP_COLUMNS = 80;

/**
 * Runs one call of the command line. `argv` is what stands after the program's name. Returns the exit code: 0, 1 for
 * failure, 2 for usage. Never throws and never exits.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let code = EXIT_OK;
  const program = new Command("troop");
  const session: Session = {
    context,
    home: () => context.findHome(program.opts<{ home?: string }>().home),
    finish: (value) => {
      code = value;
    },
  };
  build(program, session);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    // Help and version were printed.
    if (error instanceof CommanderError) return error.exitCode;
    return reportError(error, context);
  }
}

function build(program: Command, session: Session): void {
  const { context } = session;
  let unasked = "";
  program
    .description(
      "Turns a few Linux machines into a load-balanced, highly available service.\n" +
        "Every machine runs the same program; any of them answers for all.",
    )
    .version(context.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help; also after a command")
    .option(
      "--home <dir>",
      "keep config, state and socket of this node under this folder (also: TROOP_HOME)",
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      // Only help that nobody asked for comes this way: `troop` alone, or `troop service` without a verb.
      writeErr: (text) => {
        unasked += text;
      },
      outputError: () => {},
      getOutHelpWidth: () => context.stdout.columns ?? HELP_COLUMNS,
      getErrHelpWidth: () => context.stdout.columns ?? HELP_COLUMNS,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addExamples(program, [
    "troop init                                    # the first machine",
    "troop join 192.0.2.11 --token TOKEN           # every other machine",
    "troop run                                     # the agent, on each",
    "troop service add 192.0.2.100:80 --check http://:80/",
    "troop status",
  ]);
  for (const add of verbs) add(program, session);
  overrideExits(program, () => context.stdout.write(unasked));
}

/** Makes every command throw what commander would print and exit with. */
function overrideExits(command: Command, printUnasked: () => void): void {
  command.exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    const isRoot = command.parent === null;
    if (error.code === "commander.help" && isRoot) {
      printUnasked();
      throw new CommanderError(EXIT_OK, error.code, "");
    }
    throw usageRefusal(command, error);
  });
  for (const child of command.commands) overrideExits(child, printUnasked);
}

function usageRefusal(command: Command, error: CommanderError): Refusal {
  const path = commandPath(command);
  const attempted = command.parent === null
    ? "read the command line"
    : path.slice(path.indexOf(" ") + 1);
  if (error.code === "commander.help") {
    const names = command.commands.map((child) => child.name()).join(", ");
    return usage(attempted, "no command is given", `use one of ${names}; see \`${path} --help\``);
  }
  // commander's texts: `error: unknown option '--foo'`, then `(Did you mean --for?)` on a line of its own.
  const text = error.message.replace(/^error: /, "").replaceAll("'", '"');
  const [problem = text, suggestion] = text.split("\n");
  const meant = /Did you mean (.+)\?/.exec(suggestion ?? "")?.[1];
  const remedy = `see \`${path} --help\``;
  return usage(
    attempted,
    problem.replace(/\.$/, ""),
    meant === undefined ? remedy : `did you mean ${meant}? ${remedy}`,
  );
}

/** `troop service add`: what a person typed to get here. */
function commandPath(command: Command): string {
  return command.parent === null
    ? command.name()
    : `${commandPath(command.parent)} ${command.name()}`;
}
