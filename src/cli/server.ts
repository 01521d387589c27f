/** `troop server`: real servers that are no members of the cluster, and what differs for single members. */
import type { Command } from "commander";
import { forwardings } from "../core/service/forwarding.ts";
import { formatServiceName } from "../core/service/service.ts";
import { Refusal } from "../core/refusal.ts";
import type { StatusService } from "../core/status/status.ts";
import { readServer, readServerOrder, type ServerOptions } from "./server_words.ts";
import { addServerSetup } from "./server_setup.ts";
import { addExamples, type Session, writeJson, writeLine } from "./session.ts";
import { serversText } from "./services_text.ts";
import { styleFor } from "./table_text.ts";
import { readServiceName, SERVICE_HELP } from "./words.ts";

const SERVER_HELP = "a machine: ADDRESS or ADDRESS:PORT; a member: its name";

/** Adds the verbs. */
export function addServer(program: Command, session: Session): void {
  const group = program.command("server")
    .summary("real servers without an agent, and what differs for one server")
    .description(
      "Real servers that are no members of the cluster, and what differs for single\n" +
        "servers: weight, forwarding method, connection thresholds.",
    );
  addExamples(group, [
    "troop server setup 192.0.2.100 --forward dr      # what the machine itself needs",
    "troop server add 192.0.2.100:80 192.0.2.21 --weight 2",
    "troop server set 192.0.2.100:80 n2 --weight 0    # drain a member",
    "troop server list",
    "troop server remove 192.0.2.100:80 192.0.2.21",
  ]);
  addAdd(group, session);
  addSet(group, session);
  addRemove(group, session);
  addList(group, session);
  addServerSetup(group, session);
}

function addOptions(command: Command): Command {
  return command
    .argument("<service>", SERVICE_HELP)
    .argument("<server>", SERVER_HELP)
    .option("--weight <n>", "share of the connections; 0 drains it")
    .option("--forward <method>", `how packets reach it: ${forwardings.join(", ")}`)
    .option("--tunnel <kind>", "ipip, gue:PORT or gre, with ,csum or ,remcsum behind it")
    .option("--upper <n>", "connections above which it gets no new ones; 0: none")
    .option("--lower <n>", "connections below which it gets new ones again");
}

function addAdd(group: Command, session: Session): void {
  const command = group.command("add")
    .summary("enter a machine without an agent as real server")
    .description(
      "Enter a machine without an agent as real server of a service; the holder of the\n" +
        "VIP checks it. What is not named is as the service says. What the machine itself\n" +
        "needs, `troop server setup` prints. Members need no entry: see `troop server set`.",
    );
  addOptions(command);
  addExamples(command, [
    "troop server add 192.0.2.100:80 192.0.2.21",
    "troop server add 192.0.2.100:80 10.0.0.21:8080 --forward nat --weight 3",
    "troop server add 192.0.2.100:80 198.51.100.7 --tunnel gue:6080,csum",
    "troop server add fwmark:1 192.0.2.21 --upper 1000 --lower 800",
  ]);
  command.action(async (service: string, server: string, options: ServerOptions) => {
    const { context } = session;
    const order = readServerOrder("add", [service, server], options);
    const agent = context.connect(session.home());
    writeLine(context.stdout, await agent.addServer(order.service, order.server, order.change));
  });
}

function addSet(group: Command, session: Session): void {
  const command = group.command("set")
    .summary("change what is said of one server")
    .description(
      "Change what is said of a machine, or say what is special about a member. What is\n" +
        "not named stays.",
    );
  addOptions(command)
    .option("--no-weight", "weight as the service says")
    .option("--no-forward", "forwarding method as the service says")
    .option("--no-tunnel", "tunnel as the service says")
    .option("--no-upper", "upper threshold as the service says")
    .option("--no-lower", "lower threshold as the service says");
  addExamples(command, [
    "troop server set 192.0.2.100:80 192.0.2.21 --weight 0",
    "troop server set 192.0.2.100:80 n2 --no-weight --upper 500",
  ]);
  command.action(async (service: string, server: string, options: ServerOptions) => {
    const { context } = session;
    const order = readServerOrder("set", [service, server], options);
    const agent = context.connect(session.home());
    writeLine(context.stdout, await agent.setServer(order.service, order.server, order.change));
  });
}

function addRemove(group: Command, session: Session): void {
  const command = group.command("remove")
    .summary("remove a real server that was entered by hand")
    .description(
      "Remove a machine from a service: it gets no new connections, and goes when its\n" +
        "last one has ended. For a member, forget what was said of it: it stays a\n" +
        "candidate.",
    )
    .argument("<service>", SERVICE_HELP)
    .argument("<server>", SERVER_HELP)
    .option("--now", "without waiting for its connections");
  addExamples(command, [
    "troop server remove 192.0.2.100:80 192.0.2.21",
    "troop server remove 192.0.2.100:80 10.0.0.21:8080 --now",
  ]);
  command.action(
    async (serviceText: string, serverText: string, { now = false }: { now?: boolean }) => {
      const { context } = session;
      const { service, server } = readServer("remove", serviceText, serverText);
      const agent = context.connect(session.home());
      writeLine(context.stdout, await agent.removeServer(service, server, now));
    },
  );
}

function addList(group: Command, session: Session): void {
  const command = group.command("list")
    .summary("list real servers")
    .description("List the real servers of one service, or of all.")
    .argument("[service]", SERVICE_HELP)
    .option("--json", "for programs: [{ service, address, port, ... }]");
  addExamples(command, [
    "troop server list",
    "troop server list 192.0.2.100:80",
    "troop server list --json",
  ]);
  command.action(async (text: string | undefined, { json = false }: { json?: boolean }) => {
    const { context } = session;
    const { stdout, env } = context;
    const name = text === undefined
      ? undefined
      : formatServiceName(readServiceName(text, "list servers of"));
    const { services, time } = await context.connect(session.home()).status();
    const chosen = name === undefined ? services : [named(services, name)];
    if (json) writeJson(stdout, chosen.flatMap(flatServers));
    else stdout.write(serversText(chosen, styleFor(stdout, env), Date.parse(time)));
  });
}

function named(services: readonly StatusService[], name: string): StatusService {
  const service = services.find((item) => item.name === name);
  if (service !== undefined) return service;
  throw new Refusal({
    attempted: `list servers of ${name}`,
    problem: "there is no such service",
    remedy: "see them with `troop service list`",
  });
}

function flatServers({ name, servers }: StatusService): object[] {
  return servers.map((server) => ({ service: name, ...server }));
}
