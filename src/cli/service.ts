/** `troop service`: adds, removes and lists virtual services. */
import type { Command } from "commander";
import { CHECK_INTERVAL_MS_MAX, CHECK_INTERVAL_MS_MIN } from "../core/check.ts";
import { formatDuration } from "../core/duration.ts";
import { forwardings, schedulers } from "../core/service.ts";
import { readService, readServiceName, type ServiceOptions } from "./service_options.ts";
import { addExamples, type Session, writeJson, writeLine } from "./session.ts";
import { servicesText } from "./status_text.ts";
import { styleFor } from "./table_text.ts";

const NAME_HELP = "VIP:PORT, VIP:PORT/udp or [VIP]:PORT";

/** Adds the verbs. */
export function addService(program: Command, session: Session): void {
  const group = program.command("service").description("add, remove and list virtual services");
  addExamples(group, [
    "troop service add 192.0.2.100:80 --check http://:80/index.html",
    "troop service list",
    "troop service remove 192.0.2.100:80",
  ]);
  addAdd(group, session);
  addRemove(group, session);
  addList(group, session);
}

function addAdd(group: Command, session: Session): void {
  const range = `${formatDuration(CHECK_INTERVAL_MS_MIN)} to ${
    formatDuration(CHECK_INTERVAL_MS_MAX)
  }`;
  const command = group.command("add")
    .summary("add a virtual service")
    .description(
      "Add a virtual service. Every member that is a real server is a candidate, and in\n" +
        "the pool while its check holds.",
    )
    .argument("<service>", NAME_HELP)
    .option("--scheduler <name>", `how connections are spread: ${schedulers.join(", ")}`, "wlc")
    .option("--forward <method>", `how packets reach a server: ${forwardings.join(", ")}`, "dr")
    .option(
      "--check <url>",
      "http://[HOST][:PORT]/PATH, https://..., tcp://[:PORT] or none\n" +
        "(default: tcp:// for TCP, none for UDP)",
    )
    .option("--expect <regex>", "text the page must contain (http, https; RE2 syntax)")
    .option("--interval <time>", `time between two checks, ${range} (default: 1s)`)
    .option("--timeout <time>", "time after which a check has failed (default: the interval)");
  addExamples(command, [
    "troop service add 192.0.2.100:80 --check http://:80/index.html --expect 'Test Page'",
    "troop service add 192.0.2.100:443 --scheduler sh --check https://www.example.org/ --interval 500ms",
    "troop service add 192.0.2.100:53/udp --check tcp://:53",
    "troop service add [2001:db8::100]:80",
  ]);
  command.action(async (name: string, options: ServiceOptions) => {
    const { context } = session;
    const service = readService(name, options);
    writeLine(context.stdout, await context.connect(session.home()).addService(service));
  });
}

function addRemove(group: Command, session: Session): void {
  const command = group.command("remove")
    .summary("remove a virtual service")
    .description("Remove a virtual service. A VIP goes with its last service.")
    .argument("<service>", NAME_HELP);
  addExamples(command, [
    "troop service remove 192.0.2.100:80",
    "troop service remove 192.0.2.100:53/udp",
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
    const { services } = await context.connect(session.home()).status();
    if (json) writeJson(stdout, services);
    else stdout.write(servicesText(services, styleFor(stdout, env)));
  });
}
