/** `troop service`: adds, changes, removes and lists virtual services. */
import type { Command } from "commander";
import { readSecrets } from "./check_words.ts";
import type { CliContext } from "./context.ts";
import { addServiceOptions } from "./service_options.ts";
import { readService, readServiceChange, type ServiceOptions } from "./service_words.ts";
import { addExamples, type Session, writeJson, writeLine } from "./session.ts";
import { servicesText } from "./services_text.ts";
import { styleFor } from "./table_text.ts";
import { readServiceName, SERVICE_HELP } from "./words.ts";

/** Adds the verbs. */
export function addService(program: Command, session: Session): void {
  const group = program.command("service")
    .summary("add, change, remove and list virtual services")
    .description("Add, change, remove and list virtual services: what clients connect to.");
  addExamples(group, [
    "troop service add 192.0.2.100:80 --check http://:80/index.html",
    "troop service set 192.0.2.100:80 --scheduler sh --persistent 5m",
    "troop service list",
    "troop service remove 192.0.2.100:80",
  ]);
  addAdd(group, session);
  addSet(group, session);
  addRemove(group, session);
  addList(group, session);
}

function addAdd(group: Command, session: Session): void {
  const command = group.command("add")
    .summary("add a virtual service")
    .description(
      "Add a virtual service. Every member that is a real server is a candidate, and\n" +
        "in the pool while its check holds; so is every machine of `troop server add`.\n" +
        "Port 0 takes every port, and needs --persistent. A mark service takes what has\n" +
        "a firewall mark: several ports, or several VIPs, as one service.",
    )
    .argument("<service>", SERVICE_HELP);
  addServiceOptions(command, "add");
  addExamples(command, [
    "troop service add 192.0.2.100:80 --check http://:80/index.html --expect 'Test Page'",
    "troop service add 192.0.2.100:6379 --check redis:// --check-set password=@/etc/troop/redis",
    "troop service add 192.0.2.100:443 --scheduler sh --flags sh-port --persistent",
    "troop service add 192.0.2.100:53/udp --check tcp://:53 --ops",
    "troop service add [2001:db8::100]:80",
    "troop service add 192.0.2.100:25 --forward nat --server-port 2525 --no-members",
    "troop service add 192.0.2.100:8080 --tunnel gue:6080,csum",
    "troop service add fwmark:1 --vip 192.0.2.100 --ports tcp/80,443 --persistent",
  ]);
  command.action(async (name: string, options: ServiceOptions) => {
    const { context } = session;
    const service = readService(name, withSecrets(`add service ${name}`, options, context));
    writeLine(context.stdout, await context.connect(session.home()).addService(service));
  });
}

function addSet(group: Command, session: Session): void {
  const command = group.command("set")
    .summary("change a virtual service")
    .description(
      "Change a virtual service while it works. What is not named stays as it is; open\n" +
        "connections stay where they are.",
    )
    .argument("<service>", SERVICE_HELP);
  addServiceOptions(command, "set");
  addExamples(command, [
    "troop service set 192.0.2.100:80 --scheduler sh --persistent 5m --netmask 24",
    "troop service set 192.0.2.100:80 --check http://:80/healthz --interval 500ms",
    "troop service set 192.0.2.100:80 --check-set rise=2 --check-set fast-interval=200ms",
    "troop service set 192.0.2.100:80 --no-persistent --weight 10",
    "troop service set fwmark:1 --ports tcp/80,443,8443",
  ]);
  command.action(async (text: string, options: ServiceOptions) => {
    const { context } = session;
    const given = withSecrets(`change service ${text}`, options, context);
    const { name, change } = readServiceChange(text, given);
    writeLine(context.stdout, await context.connect(session.home()).setService(name, change));
  });
}

function withSecrets(
  attempted: string,
  options: ServiceOptions,
  { readFirstLine }: Pick<CliContext, "readFirstLine">,
): ServiceOptions {
  if (options.checkSet === undefined) return options;
  return { ...options, checkSet: readSecrets(attempted, options.checkSet, readFirstLine) };
}

function addRemove(group: Command, session: Session): void {
  const command = group.command("remove")
    .summary("remove a virtual service")
    .description(
      "Remove a virtual service and what was said of its servers. A VIP goes with its\n" +
        "last service, unless it was entered with `troop vip add`.",
    )
    .argument("<service>", SERVICE_HELP);
  addExamples(command, [
    "troop service remove 192.0.2.100:80",
    "troop service remove 192.0.2.100:53/udp",
    "troop service remove fwmark:1",
  ]);
  command.action(async (text: string) => {
    const { context } = session;
    const name = readServiceName(text, "remove service");
    writeLine(context.stdout, await context.connect(session.home()).removeService(name));
  });
}

function addList(group: Command, session: Session): void {
  const command = group.command("list")
    .description("list virtual services and their servers")
    .option("--json", "for programs: the services of `troop status --json`");
  addExamples(command, ["troop service list", "troop service list --json"]);
  command.action(async ({ json = false }: { json?: boolean }) => {
    const { context } = session;
    const { stdout, env } = context;
    const { services, time } = await context.connect(session.home()).status();
    if (json) writeJson(stdout, services);
    else stdout.write(servicesText(services, styleFor(stdout, env), Date.parse(time)));
  });
}
