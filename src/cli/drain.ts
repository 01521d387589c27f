/** `troop drain` and `troop undrain`: out of service for a while, without a cut connection. */
import type { Command } from "commander";
import { formatDuration } from "../core/duration.ts";
import { formatServerRef } from "../core/document/order.ts";
import { Refusal } from "../core/refusal.ts";
import { formatServiceName } from "../core/service/service.ts";
import type { StatusDrain } from "../core/status/status.ts";
import type { RunningAgent } from "./context.ts";
import {
  type DrainOptions,
  readDrainOrder,
  readOnlyService,
  readTarget,
  readWait,
  WAIT_MS_DEFAULT,
} from "./drain_words.ts";
import { addExamples, type Session, writeLine } from "./session.ts";
import { SERVICE_HELP } from "./words.ts";

const TARGET_HELP = "a node by its name, or a machine: ADDRESS or ADDRESS:PORT";
/** Time between two looks while waiting, ms: holders tell their counts about once a second. */
const LOOK_MS = 1_000;
/** Looks in a row that must find nothing open: the first one may be older than the last connection. */
const CALM_LOOKS = 2;

/** Adds both verbs. */
export function addDrain(program: Command, session: Session): void {
  addDrainVerb(program, session);
  addUndrainVerb(program, session);
}

function addDrainVerb(program: Command, session: Session): void {
  const command = program.command("drain")
    .summary("take a node or a server out of service; its connections finish")
    .description(
      "Take a node or a server out of service for a while. It gets no new connections\n" +
        "(weight 0), open ones finish by themselves. It stays so over restarts and\n" +
        "takeovers until its time is up or `troop undrain`.\n\n" +
        "A node drained as a whole also hands the VIPs it holds to another fit director,\n" +
        "so that it can be stopped; if there is none it keeps them. --keep-vips drains\n" +
        "its servers only. With --service only that service is concerned, and VIPs stay.",
    )
    .argument("<server>", TARGET_HELP)
    .option("--service <name>", `only this service: ${SERVICE_HELP}`)
    .option("--comment <text>", "why, for whoever looks at `troop status`")
    .option("--for <time>", "it ends by itself after so long: 30m, 8h")
    .option("--until <time>", "it ends by itself then: 18:30, 2026-01-31T18:30, ...Z for UTC")
    .option("--keep-vips", "a node keeps the VIPs it holds")
    .option(
      "--wait [time]",
      "show what is open and end when no established connection is left; exit status 1\n" +
        `when the time is over first (alone: ${formatDuration(WAIT_MS_DEFAULT)})`,
    );
  addExamples(command, [
    "troop drain n2 --comment 'new disk' --wait && ssh n2 reboot",
    "troop drain n2 --service 192.0.2.100:80 --for 30m",
    "troop drain 192.0.2.21 --until 18:30",
    "troop drain 10.0.0.21:8080 --service 192.0.2.100:80 --wait 5m",
  ]);
  command.action(async (text: string, options: DrainOptions) => {
    const { context } = session;
    const server = readTarget("drain", text);
    const order = readDrainOrder(text, options, context.wallMs());
    const waitMs = readWait(text, options);
    const agent = context.connect(session.home());
    writeLine(context.stdout, await agent.drain(server, order));
    if (waitMs === null) return;
    await awaitEnd(session, agent, {
      target: formatServerRef(server),
      service: order.service === null ? null : formatServiceName(order.service),
      waitMs,
    });
  });
}

function addUndrainVerb(program: Command, session: Session): void {
  const command = program.command("undrain")
    .summary("put a node or a server back into service")
    .description(
      "Put a node or a server back into service: ends every drain of it, or the one of\n" +
        "a service. A server that is held down because it came and went too often is let\n" +
        "up at once too. VIPs stay where they are, unless they have --failback.",
    )
    .argument("<server>", TARGET_HELP)
    .option("--service <name>", `only this service: ${SERVICE_HELP}`);
  addExamples(command, [
    "troop undrain n2",
    "troop undrain 192.0.2.21 --service 192.0.2.100:80",
  ]);
  command.action(async (text: string, options: { readonly service?: string }) => {
    const { context } = session;
    const server = readTarget("undrain", text);
    const service = readOnlyService(`undrain ${text}`, options.service);
    const agent = context.connect(session.home());
    writeLine(context.stdout, await agent.undrain(server, service));
  });
}

interface Awaited {
  readonly target: string;
  readonly service: string | null;
  readonly waitMs: number;
}

/** Shows what is open, each time it has changed; throws a Refusal when the time is over. */
async function awaitEnd(
  { context }: Session,
  agent: RunningAgent,
  awaited: Awaited,
): Promise<void> {
  let said = "";
  let calm = 0;
  for (let waitedMs = 0;; waitedMs += LOOK_MS) {
    const { drains } = await agent.status();
    const drain = drains.find(({ target, service }) =>
      target === awaited.target && service === awaited.service
    );
    if (drain === undefined) {
      throw waitRefusal(awaited, "the drain has ended or was lifted", "drain it again");
    }
    const words = openWords(drain);
    calm = isEmpty(drain) ? calm + 1 : 0;
    if (calm === CALM_LOOKS) {
      return writeLine(context.stdout, `nothing is open any more${rest(drain)}`);
    }
    if (words !== said && calm === 0) writeLine(context.stdout, said = words);
    if (waitedMs >= awaited.waitMs) {
      throw waitRefusal(
        awaited,
        `after ${formatDuration(awaited.waitMs)}: ${words}`,
        "it stays drained: wait on with the same command, or look with `troop connections`",
      );
    }
    await context.sleep(LOOK_MS);
  }
}

function waitRefusal({ target }: Awaited, problem: string, remedy: string): Refusal {
  return new Refusal({ attempted: `wait until ${target} is empty`, problem, remedy });
}

function isEmpty({ activeConnections, vips }: StatusDrain): boolean {
  return activeConnections === 0 && vips.length === 0;
}

function openWords({ activeConnections, inactiveConnections, vips }: StatusDrain): string {
  const parts = [
    activeConnections === null
      ? "the holder has not counted yet"
      : `${activeConnections} open, ${inactiveConnections ?? 0} closing`,
    ...(vips.length > 0 ? [`hands over ${vips.join(", ")}`] : []),
  ];
  return parts.join("; ");
}

/** What `--wait` does not wait for. */
function rest({ inactiveConnections }: StatusDrain): string {
  return (inactiveConnections ?? 0) === 0 ? "" : `; ${inactiveConnections} are closing, or UDP`;
}
